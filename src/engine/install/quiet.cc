// Holds back what is written to the process's standard error while a library loads.
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace {

int kept = -1;
FILE* held = nullptr;

// begin(): whether standard error is held back from now on.
napi_value Begin(napi_env env, napi_callback_info) {
  bool begun = false;
  if (held == nullptr && (held = std::tmpfile()) != nullptr) {
    std::fflush(stderr);
    kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    begun = kept >= 0 && dup2(fileno(held), STDERR_FILENO) >= 0;
    if (!begun) {
      if (kept >= 0) close(kept);
      std::fclose(held);
      held = nullptr;
    }
  }
  napi_value result;
  napi_get_boolean(env, begun, &result);
  return result;
}

// end(): standard error is what it was; returns what was held back.
napi_value End(napi_env env, napi_callback_info) {
  std::string text;
  if (held != nullptr) {
    std::fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    std::rewind(held);
    char part[4096];
    for (size_t count; (count = std::fread(part, 1, sizeof part, held)) > 0;) text.append(part, count);
    std::fclose(held);
    held = nullptr;
  }
  napi_value result;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

napi_value Init(napi_env env, napi_value exports) {
  napi_value begin, end;
  napi_create_function(env, "begin", NAPI_AUTO_LENGTH, Begin, nullptr, &begin);
  napi_create_function(env, "end", NAPI_AUTO_LENGTH, End, nullptr, &end);
  napi_set_named_property(env, exports, "begin", begin);
  napi_set_named_property(env, exports, "end", end);
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)
