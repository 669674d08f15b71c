// Light or dark: as the system has it, until the button says otherwise, which the browser remembers if it may.

const THEME_KEY = "mobiclass-theme";

function startTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const button = byId("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => (button.textContent = isDark() ? "Light" : "Dark");
  const remembered = storage((store) => store.getItem(THEME_KEY));
  if (remembered === "dark" || remembered === "light") root.dataset.theme = remembered;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    storage((store) => store.setItem(THEME_KEY, root.dataset.theme));
    label();
  });
  system.addEventListener("change", label);
  button.setAttribute("aria-label", "Switch between light and dark");
  button.hidden = false;
  label();
}

/** Browsers may forbid a page from a file to remember anything, by an exception. */
function storage(use) {
  try {
    return use(localStorage);
  } catch {
    return null;
  }
}

startTheme();
