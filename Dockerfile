# The runtime alone, for any architecture that LiteRT has wheels for (linux/amd64, linux/arm64):
#   docker buildx build --platform linux/amd64,linux/arm64 -t mobiclass .
#   docker run --rm -v "$PWD:/photos:ro" mobiclass predict photo.jpg
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/mobiclass \
    && /opt/mobiclass/bin/pip install --no-cache-dir '/source[heif]' \
    && /opt/mobiclass/bin/mobiclass doctor

FROM python:3.13-slim
LABEL org.opencontainers.image.title="mobiclass" \
      org.opencontainers.image.description="Offline image classification with any TFLite classifier" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/mobiclass /opt/mobiclass
RUN useradd --create-home --uid 10001 mobiclass
# By its number, so that "not root" can be checked without the image's user list.
USER 10001
ENV PATH="/opt/mobiclass/bin:$PATH"
WORKDIR /photos
ENTRYPOINT ["mobiclass"]
CMD ["--help"]
