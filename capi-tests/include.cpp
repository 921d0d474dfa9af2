// The header is valid C++, and its functions can be linked.
#include <wrt.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

// Callbacks need C linkage in theory only; the ABI is the same everywhere this library runs.
wrt_error_t *append(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count, wrt_val_t *results,
                    size_t result_count) {
    (void)caller, (void)results, (void)result_count;
    for (size_t i = 0; i < arg_count; i++) static_cast<std::vector<int> *>(userdata)->push_back(args[i].of.i32);
    return nullptr;
}

struct failure {
    std::string message;
};

void check(wrt_error_t *error) {
    if (!error) return;
    failure f{wrt_error_message(error, nullptr)};
    wrt_error_delete(error);
    throw f;
}

} // namespace

int main() {
    std::vector<int> seen;
    const char *text = "(module (import \"env\" \"append\" (func $append (param i32)))"
                       " (func (export \"run\") (call $append (i32.const 1)) (call $append (i32.const 2)))"
                       " (func (export \"fail\") unreachable))";
    wrt_engine_t *engine;
    wrt_store_t *store;
    wrt_linker_t *linker;
    wrt_module_t *module;
    wrt_instance_t instance;
    wrt_func_t run, fail;
    check(wrt_engine_new(nullptr, &engine));
    check(wrt_store_new(engine, nullptr, nullptr, &store));
    check(wrt_linker_new(engine, &linker));
    check(wrt_linker_define_func(linker, "env", 3, "append", 6, "(i32)", 5, append, &seen, nullptr));
    check(wrt_module_new(engine, text, std::strlen(text), &module));
    check(wrt_linker_instantiate(linker, store, module, &instance));
    check(wrt_instance_get_func(store, &instance, "run", 3, &run));
    check(wrt_instance_get_func(store, &instance, "fail", 4, &fail));
    check(wrt_func_call(store, &run, nullptr, 0, nullptr, 0));
    bool thrown = false;
    try {
        check(wrt_func_call(store, &fail, nullptr, 0, nullptr, 0));
    } catch (const failure &f) {
        thrown = f.message == "unreachable";
    }
    wrt_linker_delete(linker);
    wrt_module_delete(module);
    wrt_store_delete(store);
    wrt_engine_delete(engine);
    return thrown && seen == std::vector<int>{1, 2} ? 0 : 1;
}
