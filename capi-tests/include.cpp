// The header is C++, too.
#include <wrt.h>

int main() {
    wrt_engine_t *engine = nullptr;
    wrt_error_t *error = wrt_engine_new(nullptr, &engine);
    wrt_engine_delete(engine);
    return error != nullptr;
}
