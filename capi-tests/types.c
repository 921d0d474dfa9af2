/* Function types from text and from kinds. */
#include "test.h"

static void round_trip(const char *text, const char *printed, size_t params, size_t results) {
    wrt_functype_t *t;
    size_t len;
    OK(wrt_functype_parse(text, strlen(text), &t));
    CHECK(!strcmp(wrt_functype_text(t, &len), printed) && len == strlen(printed));
    CHECK(wrt_functype_param_count(t) == params && wrt_functype_result_count(t) == results);
    CHECK(wrt_functype_param(t, params) == 0 && wrt_functype_result(t, results) == 0);
    wrt_functype_delete(t);
}

int main(void) {
    round_trip("()", "()", 0, 0);
    round_trip("(i32, i64) -> f64", "(i32, i64) -> f64", 2, 1);
    round_trip(" ( f32,v128 )->( funcref , i32 ) ", "(f32, v128) -> (funcref, i32)", 2, 2);
    round_trip("() -> ()", "()", 0, 0);
    static const char *const bad[] = {"", "(", ")", "i32", "(i32", "(i32,)", "(i32 i32)", "(i32) ->", "(i32) -> x",
                                      "(i32) -> i32 i32", "(i32) - > i32", "(I32)", "() -> (", "(,)", "() ()"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wrt_functype_t *t = (wrt_functype_t *)1;
        FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_functype_parse(bad[i], strlen(bad[i]), &t));
        CHECK(!t);
    }
    wrt_functype_t *t;
    static const uint8_t kinds[] = {WRT_I32, WRT_FUNCREF, WRT_V128}, unknown[] = {WRT_I32, 77};
    OK(wrt_functype_new(kinds, 3, kinds, 1, &t));
    CHECK(!strcmp(wrt_functype_text(t, NULL), "(i32, funcref, v128) -> i32"));
    CHECK(wrt_functype_param(t, 1) == WRT_FUNCREF && wrt_functype_result(t, 0) == WRT_I32);
    wrt_functype_delete(t);
    OK(wrt_functype_new(NULL, 0, NULL, 0, &t));
    wrt_functype_delete(t);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_functype_new(unknown, 2, NULL, 0, &t));
    CHECK(!t);
    FAILS(WRT_ERROR_KIND_INVALID_ARGUMENT, wrt_functype_new(NULL, 2, NULL, 0, &t));
    return 0;
}
