// An Edge TPU that is not there: Coral's libedgetpu as far as the TFLite runtimes see it, for tests.
//
// It exports the two functions of an external delegate, claims the nodes of the custom operator
// "edgetpu-custom-op", and computes a known function of the input. The folder in the environment variable
// EDGETPU_SIMULATOR holds a file "log", to which it appends a line for everything it does, and a file "switches"
// with lines of key=value that make it fail (see `fault` and `main_switches` below). Invokes are counted across
// processes, from 1, by the log.
//
// The structures are those of TFLite's C interface (tflite/core/c/common.h, which only ever grows at their ends); of
// those that the runtime owns only the leading fields that are used here are declared.

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { kOk = 0, kError = 1 } Status;
enum { kTypeUInt8 = 3, kTypeInt8 = 9 };
enum { kBuiltinDelegate = 51 };
enum { kAllowDynamicTensors = 1 };  // without it the runtime prepares the custom operator itself, and fails

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {  // TfLiteTensor
  int type;
  uint8_t* data;
  IntArray* dims;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  int allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  struct Delegate* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct {
    int type;
    void* params;
  } quantization;
  void* sparsity;
  const IntArray* dims_signature;
} Tensor;

typedef struct {  // the beginning of TfLiteNode
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
} Node;

struct Context;

typedef struct Registration {  // TfLiteRegistration
  void* (*init)(struct Context*, const char* buffer, size_t length);
  void (*free)(struct Context*, void* user_data);
  Status (*prepare)(struct Context*, Node*);
  Status (*invoke)(struct Context*, Node*);
  const char* (*profiling_string)(const struct Context*, const Node*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external;
  void* (*async_kernel)(struct Context*, Node*);
  uint64_t inplace_operator;
} Registration;

typedef struct Context {  // the beginning of TfLiteContext
  size_t tensors_size;
  Status (*get_execution_plan)(struct Context*, IntArray** plan);
  Tensor* tensors;
  void* impl;
  Status (*resize_tensor)(struct Context*, Tensor*, IntArray* shape);
  void (*report_error)(struct Context*, const char* format, ...);
  Status (*add_tensors)(struct Context*, int count, int* first);
  Status (*get_node_and_registration)(struct Context*, int index, Node**, Registration**);
  Status (*replace_nodes)(struct Context*, Registration, const IntArray* nodes, struct Delegate*);
} Context;

typedef struct Delegate {  // TfLiteDelegate
  void* data;
  Status (*prepare)(Context*, struct Delegate*);
  Status (*copy_from_buffer)(Context*, struct Delegate*, int handle, Tensor*);
  Status (*copy_to_buffer)(Context*, struct Delegate*, int handle, Tensor*);
  void (*free_buffer)(Context*, struct Delegate*, int* handle);
  int64_t flags;
  void* opaque_builder;
} Delegate;

static char folder[4096];
static char switches[4096];
static long invokes;

static void open_in_folder(const char* name, const char* mode, FILE** file) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  *file = fopen(path, mode);
}

static void write_log(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  FILE* file;
  open_in_folder("log", "a", &file);
  if (file == NULL) return;
  fprintf(file, "%s pid=%ld\n", line, (long)getpid());
  fclose(file);
}

static long count_logged_invokes(void) {
  FILE* file;
  open_in_folder("log", "r", &file);
  if (file == NULL) return 0;
  char line[600];
  long count = 0;
  while (fgets(line, sizeof line, file) != NULL) count += strncmp(line, "invoke ", 7) == 0;
  fclose(file);
  return count;
}

// Whether the switches hold the line key=value. A key may be there several times.
static bool is_set(const char* key, const char* value) {
  char wanted[128];
  snprintf(wanted, sizeof wanted, "\n%s=%s\n", key, value);
  return strstr(switches, wanted) != NULL;
}

// The number after the first line of `key`, or `absent`.
static long number(const char* key, long absent) {
  char wanted[128];
  snprintf(wanted, sizeof wanted, "\n%s=", key);
  const char* found = strstr(switches, wanted);
  return found == NULL ? absent : strtol(found + strlen(wanted), NULL, 10);
}

// Switches crash=PLACE and hang=PLACE: the place is load, create, prepare, or the number of an invoke.
static void fault(const char* place) {
  if (is_set("crash", place)) raise(SIGSEGV);
  if (is_set("abort", place)) {
    fprintf(stderr, "F simulated_driver.cc:1] transfer on tag 1 failed. Abort. Deadline exceeded\n");
    abort();
  }
  if (is_set("hang", place)) {
    write_log("hang %s", place);
    for (;;) pause();
  }
}

// The other switches: no_device=1 (none is found), old_runtime=1 (the model wants a newer library), slow_ms=N (an
// invoke takes that long), fail=N (the N-th invoke fails), gone=N (from the N-th on all fail, and no device is found
// any more), hang_from=N (from the N-th on all hang), chatter=1 (writes to stdout and stderr).
__attribute__((constructor)) static void main_switches(void) {
  const char* name = getenv("EDGETPU_SIMULATOR");
  snprintf(folder, sizeof folder, "%s", name == NULL ? "/nonexistent" : name);
  FILE* file;
  open_in_folder("switches", "r", &file);
  switches[0] = '\n';
  if (file != NULL) {
    size_t length = fread(switches + 1, 1, sizeof switches - 2, file);
    switches[length + 1] = '\0';
    fclose(file);
  }
  write_log("load");
  fault("load");
}

static void* kernel_init(Context* context, const char* buffer, size_t length) {
  (void)context, (void)buffer, (void)length;
  return NULL;
}

static void kernel_free(Context* context, void* user_data) { (void)context, (void)user_data; }

static Status kernel_prepare(Context* context, Node* node) {
  (void)node;
  fault("prepare");
  write_log("prepare");
  if (is_set("old_runtime", "1")) {
    context->report_error(context, "Internal: Package requires runtime version (14), which is newer than this "
                                   "runtime version (13).");
    return kError;
  }
  return kOk;
}

// Output 0, 1 and 2 of every output tensor are the shares of red, green and blue in the image, the others 0.
static void compute(const Tensor* image, Tensor* scores) {
  uint64_t sums[3] = {0, 0, 0};
  const int offset = image->type == kTypeInt8 ? 128 : 0;
  for (size_t i = 0; i < image->bytes; i++) {
    sums[i % 3] += offset ? (uint64_t)((int8_t)image->data[i] + offset) : image->data[i];
  }
  const uint64_t total = sums[0] + sums[1] + sums[2];
  const int zero = scores->type == kTypeInt8 ? -128 : 0;
  for (size_t k = 0; k < scores->bytes; k++) {
    const uint64_t share = k < 3 && total > 0 ? sums[k] * 255 / total : 0;
    scores->data[k] = (uint8_t)((int)share + zero);
  }
}

static Status kernel_invoke(Context* context, Node* node) {
  char place[32];
  snprintf(place, sizeof place, "%ld", ++invokes);
  write_log("invoke %ld", invokes);
  if (is_set("chatter", "1")) {
    printf("W simulated chatter on stdout\n");
    fflush(stdout);
    fprintf(stderr, "W simulated chatter on stderr\n");
  }
  fault(place);
  if (invokes >= number("hang_from", INT32_MAX)) for (;;) pause();
  usleep((useconds_t)(number("slow_ms", 0) * 1000));
  if (is_set("fail", place) || invokes >= number("gone", INT32_MAX)) {
    context->report_error(context, "Failed precondition: USB transfer error 5 (simulated)");
    return kError;
  }
  const Tensor* image = &context->tensors[node->inputs->data[0]];
  for (int i = 0; i < node->outputs->size; i++) compute(image, &context->tensors[node->outputs->data[i]]);
  return kOk;
}

static Status delegate_prepare(Context* context, Delegate* delegate) {
  IntArray* plan;
  if (context->get_execution_plan(context, &plan) != kOk) return kError;
  IntArray* ours = calloc(1, sizeof(IntArray) + sizeof(int) * (size_t)plan->size);
  if (ours == NULL) return kError;
  for (int i = 0; i < plan->size; i++) {
    Node* node;
    Registration* registration;
    if (context->get_node_and_registration(context, plan->data[i], &node, &registration) != kOk) continue;
    if (registration->custom_name != NULL && strcmp(registration->custom_name, "edgetpu-custom-op") == 0) {
      ours->data[ours->size++] = plan->data[i];
    }
  }
  Registration kernel = {
      .init = kernel_init,
      .free = kernel_free,
      .prepare = kernel_prepare,
      .invoke = kernel_invoke,
      .builtin_code = kBuiltinDelegate,
      .custom_name = "EdgeTpuDelegateForCustomOp",
      .version = 1,
  };
  const Status status = context->replace_nodes(context, kernel, ours, delegate);
  free(ours);
  return status;
}

Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*)) {
  (void)report;  // the real one gives no reason either
  char options[256] = "";
  for (size_t i = 0; i < count; i++) {
    const size_t used = strlen(options);
    snprintf(options + used, sizeof options - used, " %s=%s", keys[i], values[i]);
  }
  write_log("create%s", options);
  fault("create");
  invokes = count_logged_invokes();
  if (is_set("no_device", "1") || invokes >= number("gone", INT32_MAX)) return NULL;
  Delegate* delegate = calloc(1, sizeof(Delegate));
  if (delegate == NULL) return NULL;
  delegate->prepare = delegate_prepare;
  delegate->flags = kAllowDynamicTensors;
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate* delegate) {
  write_log("destroy");
  free(delegate);
}
