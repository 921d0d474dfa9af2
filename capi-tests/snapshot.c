/* The heap snapshot: its format, read with a small parser, and its contents for known objects. Each test runs normally, with a
 * collection at every allocation, and with one at every second allocation. */
#include "refs.h"

/* A JSON value. The members of lists and objects are linked by `next`. */
typedef struct json {
    enum { NUMBER, STRING, LIST, MEMBERS } kind;
    uint64_t number;
    char *text; /* of a string */
    char *name; /* of a member */
    struct json *first, *next;
    size_t count;
} json_t;

typedef struct {
    const char *at, *end;
} reader_t;

static void skip_space(reader_t *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) r->at++;
}

static bool eat(reader_t *r, char c) {
    skip_space(r);
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static char *read_string(reader_t *r) {
    CHECK(eat(r, '"'));
    char *text = malloc((size_t)(r->end - r->at) < 4096 ? (size_t)(r->end - r->at) : 4096), *to = text;
    CHECK(text);
    for (;;) {
        CHECK(r->at < r->end && to < text + 4000);
        unsigned char c = (unsigned char)*r->at++;
        CHECK(c >= ' '); /* control characters must be escaped */
        if (c == '"') break;
        if (c != '\\') {
            *to++ = (char)c;
            continue;
        }
        CHECK(r->at < r->end);
        switch (*r->at++) {
        case '"': *to++ = '"'; break;
        case '\\': *to++ = '\\'; break;
        case '/': *to++ = '/'; break;
        case 'n': *to++ = '\n'; break;
        case 't': *to++ = '\t'; break;
        case 'r': *to++ = '\r'; break;
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'u': {
            char digits[5] = {0}, *end;
            CHECK(r->end - r->at >= 4);
            memcpy(digits, r->at, 4);
            unsigned long code = strtoul(digits, &end, 16);
            CHECK(*end == 0 && code < 0x80);
            *to++ = (char)code;
            r->at += 4;
            break;
        }
        default: CHECK(!"an escape of JSON");
        }
    }
    *to = 0;
    return text;
}

static json_t *read_json(reader_t *r) {
    json_t *v = calloc(1, sizeof *v), **last = &v->first;
    CHECK(v);
    skip_space(r);
    CHECK(r->at < r->end);
    if (*r->at == '"') {
        v->kind = STRING, v->text = read_string(r);
    } else if (*r->at == '[' || *r->at == '{') {
        bool members = *r->at++ == '{';
        char close = members ? '}' : ']';
        v->kind = members ? MEMBERS : LIST;
        if (eat(r, close)) return v;
        do {
            char *name = NULL;
            if (members) {
                skip_space(r);
                name = read_string(r);
                CHECK(eat(r, ':'));
            }
            *last = read_json(r);
            (*last)->name = name;
            last = &(*last)->next;
            v->count++;
        } while (eat(r, ','));
        CHECK(eat(r, close));
    } else {
        char *end;
        CHECK(*r->at >= '0' && *r->at <= '9');
        v->kind = NUMBER, v->number = strtoull(r->at, &end, 10);
        r->at = end;
    }
    return v;
}

static void json_free(json_t *v) {
    while (v) {
        json_t *next = v->next;
        json_free(v->first);
        free(v->text), free(v->name), free(v);
        v = next;
    }
}

static json_t *member(const json_t *v, const char *name) {
    CHECK(v->kind == MEMBERS);
    for (json_t *m = v->first; m; m = m->next)
        if (!strcmp(m->name, name)) return m;
    fprintf(stderr, "no member %s\n", name);
    exit(1);
}

/* The index of a word in a list of words. */
static size_t place_of(const json_t *list, const char *word) {
    size_t i = 0;
    for (json_t *e = list->first; e; e = e->next, i++)
        if (e->kind == STRING && !strcmp(e->text, word)) return i;
    fprintf(stderr, "no %s\n", word);
    exit(1);
}

typedef struct {
    const char *type, *name;
    uint64_t id, size;
    size_t first_edge, edge_count;
} node_t;

typedef struct {
    const char *type, *name; /* NULL as the name of an element */
    uint64_t index;
    size_t to;
} edge_t;

typedef struct {
    json_t *json;
    node_t *nodes;
    edge_t *edges;
    const char **strings;
    size_t node_count, edge_count, string_count, pieces;
} graph_t;

typedef struct {
    char *text;
    size_t size, room, largest;
    int pieces, fails_at;
    wrt_store_t *store;
} text_t;

static wrt_error_t *gather(void *userdata, const char *bytes, size_t size) {
    text_t *t = userdata;
    CHECK(size > 0);
    /* The store cannot be used meanwhile. */
    wrt_ref_t r;
    BAD(wrt_i31_new(t->store, 1, &r));
    BAD(wrt_store_gc(t->store));
    CHECK(wrt_store_id(t->store) == 0);
    if (++t->pieces == t->fails_at) return wrt_error_new(WRT_ERROR_KIND_IO, TEXT("the disk is full"));
    if (t->size + size > t->room) CHECK((t->text = realloc(t->text, t->room = 2 * (t->size + size))));
    memcpy(t->text + t->size, bytes, size);
    t->size += size;
    if (size > t->largest) t->largest = size;
    return NULL;
}

static uint64_t *numbers(const json_t *list, size_t *count) {
    CHECK(list->kind == LIST);
    uint64_t *all = malloc((list->count + 1) * sizeof *all);
    CHECK(all);
    *count = 0;
    for (json_t *e = list->first; e; e = e->next) {
        CHECK(e->kind == NUMBER);
        all[(*count)++] = e->number;
    }
    return all;
}

/* The name of a type, from the list of types of the first field. */
static const char *type_name(const json_t *types, uint64_t i) {
    json_t *t = types->first->first;
    CHECK(types->first->kind == LIST && i < types->first->count);
    while (i--) t = t->next;
    return t->text;
}

static graph_t graph_of_text(const char *text, size_t size) {
    graph_t g;
    memset(&g, 0, sizeof g);
    reader_t r = {text, text + size};
    g.json = read_json(&r);
    skip_space(&r);
    CHECK(r.at == r.end);
    json_t *snapshot = member(g.json, "snapshot"), *meta = member(snapshot, "meta"), *strings = member(g.json, "strings"),
           *node_fields = member(meta, "node_fields"), *edge_fields = member(meta, "edge_fields"),
           *node_types = member(meta, "node_types"), *edge_types = member(meta, "edge_types");
    CHECK(node_types->count == node_fields->count && edge_types->count == edge_fields->count);
    CHECK((g.strings = calloc(strings->count + 1, sizeof *g.strings)));
    for (json_t *s = strings->first; s; s = s->next) {
        CHECK(s->kind == STRING);
        g.strings[g.string_count++] = s->text;
    }
    size_t n, e, per_node = node_fields->count, per_edge = edge_fields->count;
    uint64_t *nodes = numbers(member(g.json, "nodes"), &n), *edges = numbers(member(g.json, "edges"), &e);
    g.node_count = n / per_node, g.edge_count = e / per_edge;
    CHECK(n % per_node == 0 && e % per_edge == 0);
    CHECK(g.node_count == member(snapshot, "node_count")->number && g.edge_count == member(snapshot, "edge_count")->number);
    CHECK((g.nodes = calloc(g.node_count, sizeof *g.nodes)) && (g.edges = calloc(g.edge_count + 1, sizeof *g.edges)));
    size_t type = place_of(node_fields, "type"), name = place_of(node_fields, "name"), id = place_of(node_fields, "id"),
           self = place_of(node_fields, "self_size"), count = place_of(node_fields, "edge_count"), first = 0;
    for (size_t i = 0; i < g.node_count; i++) {
        const uint64_t *at = nodes + i * per_node;
        CHECK(at[name] < g.string_count);
        g.nodes[i] = (node_t){type_name(node_types, at[type]), g.strings[at[name]], at[id], at[self], first, at[count]};
        first += at[count];
    }
    CHECK(first == g.edge_count);
    type = place_of(edge_fields, "type"), name = place_of(edge_fields, "name_or_index");
    size_t to = place_of(edge_fields, "to_node");
    for (size_t i = 0; i < g.edge_count; i++) {
        const uint64_t *at = edges + i * per_edge;
        edge_t *edge = &g.edges[i];
        edge->type = type_name(edge_types, at[type]);
        /* A node is identified by its index in the list of numbers. */
        CHECK(at[to] % per_node == 0 && at[to] < n);
        edge->to = at[to] / per_node, edge->index = at[name];
        if (strcmp(edge->type, "element") && strcmp(edge->type, "hidden")) {
            CHECK(at[name] < g.string_count);
            edge->name = g.strings[at[name]];
        }
    }
    free(nodes), free(edges);
    return g;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* What is true for every snapshot: numbers are unique, and every node is reachable from the first. */
static void graph_is_sound(const graph_t *g) {
    uint64_t *ids = malloc(g->node_count * sizeof *ids);
    size_t *stack = malloc(g->node_count * sizeof *stack), top = 0, reached = 1;
    char *seen = calloc(g->node_count, 1);
    CHECK(ids && stack && seen && g->node_count > 0);
    CHECK(!strcmp(g->nodes[0].type, "synthetic"));
    for (size_t i = 0; i < g->node_count; i++) ids[i] = g->nodes[i].id;
    qsort(ids, g->node_count, sizeof *ids, by_number);
    for (size_t i = 1; i < g->node_count; i++) CHECK(ids[i - 1] < ids[i]);
    seen[0] = 1, stack[top++] = 0;
    while (top) {
        const node_t *n = &g->nodes[stack[--top]];
        for (size_t i = n->first_edge; i < n->first_edge + n->edge_count; i++) {
            size_t to = g->edges[i].to;
            if (seen[to]) continue;
            seen[to] = 1, stack[top++] = to, reached++;
        }
    }
    CHECK(reached == g->node_count);
    free(ids), free(stack), free(seen);
}

static void graph_end(graph_t *g) {
    json_free(g->json);
    free(g->nodes), free(g->edges), free(g->strings);
}

static graph_t picture(wrt_store_t *store) {
    text_t t = {.store = store};
    OK(wrt_store_write_heap_snapshot(store, gather, &t));
    graph_t g = graph_of_text(t.text, t.size);
    CHECK(t.largest < 1 << 20);
    g.pieces = (size_t)t.pieces;
    free(t.text);
    graph_is_sound(&g);
    return g;
}

/* The target of the edge with this name (for an element, NULL and its index). */
static size_t follow(const graph_t *g, size_t from, const char *name, uint64_t index) {
    const node_t *n = &g->nodes[from];
    for (size_t i = n->first_edge; i < n->first_edge + n->edge_count; i++) {
        const edge_t *e = &g->edges[i];
        if (name ? e->name && !strcmp(e->name, name) : !e->name && e->index == index) return e->to;
    }
    fprintf(stderr, "no edge %s %d of %s\n", name ? name : "", (int)index, n->name);
    exit(1);
}

static size_t count_named(const graph_t *g, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < g->node_count; i++) n += !strcmp(g->nodes[i].name, name);
    return n;
}

/* The only node whose name begins with this text. */
static size_t only(const graph_t *g, const char *start) {
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < g->node_count; i++) {
        if (strncmp(g->nodes[i].name, start, strlen(start))) continue;
        CHECK(found == SIZE_MAX);
        found = i;
    }
    if (found == SIZE_MAX) fprintf(stderr, "no %s\n", start);
    CHECK(found != SIZE_MAX);
    return found;
}

static bool is_node(const graph_t *g, size_t at, const char *type, const char *name, uint64_t least) {
    const node_t *n = &g->nodes[at];
    bool is = !strcmp(n->type, type) && !strcmp(n->name, name) && n->size >= least && n->size <= least + 32;
    if (!is) fprintf(stderr, "%s %s of %" PRIu64 " bytes\n", n->type, n->name, n->size);
    return is;
}

/* Also for a store that never contained an object. */
static void nothing_at_all(void) {
    world_t w = gc_world();
    for (int i = 0; i < 2; i++) {
        graph_t g = picture(w.store);
        CHECK(g.node_count == 1 && g.edge_count == 0);
        graph_end(&g);
        i31_of(w.store, 1);
    }
    world_end(&w);
}

/* table -> array -> structure -> host object -> structure. */
static void known_graph(void) {
    world_t w = gc_world();
    counts_t counts = {0, 0};
    wrt_instance_t inst = instance_of(
        w.engine, w.store,
        "(module $shop (type $item (struct (field $next (mut (ref null $item))) (field $price i64) (field $owner (mut externref))"
        "   (field (mut anyref)) (field $i31 anyref)))"
        " (type $shelf (array (mut (ref null $item))))"
        " (table $t (export \"t\") 7 anyref) (global $g (export \"g\") (mut (ref null $shelf)) (ref.null $shelf))"
        " (elem $e (ref null $item) (item (ref.null $item)) (item (struct.new $item (ref.null $item) (i64.const 1)"
        "   (ref.null extern) (ref.null any) (ref.i31 (i32.const 3)))))"
        " (func $new (result (ref $item)) (struct.new $item (ref.null $item) (i64.const 5) (ref.null extern) (ref.null any)"
        "   (ref.i31 (i32.const 1))))"
        " (func (export \"make\") (param $owner externref) (local $s (ref $shelf)) (local $i (ref $item))"
        "  (local.set $s (array.new_default $shelf (i32.const 10)))"
        "  (local.set $i (call $new))"
        "  (struct.set $item $owner (local.get $i) (local.get $owner))"
        "  (struct.set $item $next (local.get $i) (local.get $i))"
        "  (array.set $shelf (local.get $s) (i32.const 4) (local.get $i))"
        "  (array.set $shelf (local.get $s) (i32.const 9) (call $new))"
        "  (struct.set $item 3 (array.get $shelf (local.get $s) (i32.const 9)) (local.get $s))"
        "  (table.set $t (i32.const 3) (local.get $s))"
        "  (global.set $g (local.get $s)))"
        " (func (export \"garbage\") (drop (call $new)) (drop (call $new))))");
    wrt_types_t *types = types_of(w.engine, "(type $pair (struct (field (mut anyref)) (field i32)))");
    wrt_type_t pair = type_named(types, "pair");
    wrt_func_t make = func_of(w.store, &inst, "make"), garbage = func_of(w.store, &inst, "garbage");
    wrt_ref_t owner, p, q;
    counts.created++;
    OK(wrt_externref_new_with_fields(w.store, &counts, dropped, 5000, 3, &owner));
    OK(wrt_struct_new_default(w.store, &pair, &p));
    OK(wrt_externref_set_field(w.store, &owner, 2, &p));
    wrt_val_t v = ref_val(WRT_EXTERNREF, owner);
    OK(wrt_func_call(w.store, &make, &v, 1, NULL, 0));
    OK(wrt_func_call(w.store, &garbage, NULL, 0, NULL, 0));
    OK(wrt_ref_release(w.store, &owner));
    /* A reference to a host object, and a global of the host. */
    q = object(w.store, &counts);
    wrt_global_t global;
    v = ref_val(WRT_EXTERNREF, object(w.store, &counts));
    OK(wrt_global_new(w.store, WRT_EXTERNREF, true, &v, &global));
    graph_t g = picture(w.store);
    /* A shelf, three items, the owner with its fields, a pair, two more objects. Dead objects are not included. */
    CHECK(count_named(&g, "$item") == 3 && count_named(&g, "$shelf") == 1 && count_named(&g, "$pair") == 1);
    CHECK(count_named(&g, "host object") == 3);
    size_t table = only(&g, "table "), instance = only(&g, "instance "), shelf = follow(&g, table, "3", 0);
    CHECK(g.nodes[table].edge_count == 1 && g.nodes[table].size == 0);
    CHECK(is_node(&g, shelf, "array", "$shelf", 40) && g.nodes[shelf].edge_count == 2);
    size_t item = follow(&g, shelf, NULL, 4), other = follow(&g, shelf, NULL, 9);
    CHECK(is_node(&g, item, "object", "$item", 24) && is_node(&g, other, "object", "$item", 24) && item != other);
    CHECK(g.nodes[item].edge_count == 2 && follow(&g, item, "next", 0) == item);
    size_t of_host = follow(&g, item, "owner", 0);
    /* Its external memory counts as its own. */
    CHECK(is_node(&g, of_host, "native", "host object", 5000) && g.nodes[of_host].edge_count == 1);
    size_t fields = follow(&g, of_host, "fields", 0);
    CHECK(is_node(&g, fields, "array", g.nodes[fields].name, 12) && g.nodes[fields].name[0]);
    CHECK(g.nodes[fields].edge_count == 1 && is_node(&g, follow(&g, fields, NULL, 2), "object", "$pair", 8));
    /* A field without a name is identified by its index. */
    CHECK(g.nodes[other].edge_count == 1);
    const char *unnamed = g.edges[g.nodes[other].first_edge].name;
    CHECK(unnamed && strchr(unnamed, '3') && follow(&g, other, unnamed, 0) == shelf);
    /* Instances have their modules' names, and edges to their globals and segments. */
    CHECK(strstr(g.nodes[instance].name, "shop") && g.nodes[instance].edge_count == 2);
    bool has_global = false, has_segment = false;
    for (size_t i = 0; i < 2; i++) {
        const edge_t *e = &g.edges[g.nodes[instance].first_edge + i];
        if (e->to == shelf) has_global = strstr(e->name, "global 0") != NULL;
        else has_segment = strstr(e->name, "segment 0") && strstr(e->name, "element 1") && is_node(&g, e->to, "object", "$item", 24);
    }
    CHECK(has_global && has_segment);
    size_t references = only(&g, "(references"), globals = only(&g, "(globals");
    CHECK(g.nodes[references].edge_count == 1 && g.nodes[globals].edge_count == 1);
    CHECK(g.nodes[0].edge_count == 4 && g.node_count == 1 + 4 + 1 + 3 + 3 + 1 + 1);
    size_t a = g.edges[g.nodes[references].first_edge].to, b = g.edges[g.nodes[globals].first_edge].to;
    CHECK(a != b && a != of_host && b != of_host && is_node(&g, a, "native", "host object", 8));
    /* The sum of all sizes is the census's, apart from external memory. */
    wrt_heap_census_t c;
    c.size = sizeof c;
    OK(wrt_store_heap_census(w.store, &c));
    uint64_t bytes = 0;
    for (size_t i = 0; i < g.node_count; i++) bytes += g.nodes[i].size;
    CHECK(bytes == c.young.bytes + c.old.bytes + c.large.bytes + 5000 && c.old.objects == g.node_count - 5);
    /* A second snapshot of the same heap is equal. */
    graph_t again = picture(w.store);
    CHECK(again.node_count == g.node_count && again.edge_count == g.edge_count);
    graph_end(&again);
    graph_end(&g);
    OK(wrt_ref_release(w.store, &q));
    wrt_types_delete(types);
    world_end(&w);
    CHECK(counts.created == counts.dropped);
}

static wrt_error_t *take_picture(void *userdata, wrt_caller_t *caller, const wrt_val_t *args, size_t arg_count,
                                 wrt_val_t *results, size_t result_count) {
    (void)args, (void)arg_count, (void)results, (void)result_count;
    *(graph_t *)userdata = picture(wrt_caller_store(caller));
    return NULL;
}

/* References in frames are included. */
static void frames(void) {
    world_t w = gc_world();
    graph_t g;
    wrt_functype_t *type;
    wrt_extern_t e;
    wrt_instance_t i;
    int32_t n;
    memset(&e, 0, sizeof e);
    OK(wrt_functype_parse(TEXT("()"), &type));
    e.kind = WRT_EXTERN_FUNC;
    OK(wrt_func_new(w.store, type, take_picture, &g, NULL, &e.of.func));
    wrt_module_t *module = module_of(w.engine, "(module (type $local (struct (field i32))) (import \"\" \"\" (func $f))"
                                               " (func (export \"f\") (result i32) (local $x (ref null $local))"
                                               "  (local.set $x (struct.new $local (i32.const 3))) (call $f)"
                                               "  (struct.get $local 0 (local.get $x))))");
    OK(wrt_instance_new(w.store, module, &e, 1, &i));
    wrt_func_t f = func_of(w.store, &i, "f");
    OK(call_i32(w.store, &f, 0, 0, 0, &n));
    size_t group = only(&g, "(frames)");
    CHECK(n == 3 && g.node_count == 3 && g.nodes[group].edge_count == 1);
    CHECK(is_node(&g, g.edges[g.nodes[group].first_edge].to, "object", "$local", 4));
    graph_end(&g);
    wrt_module_delete(module);
    wrt_functype_delete(type);
    world_end(&w);
}

/* Names of modules, types and fields can be any text. */
static void awkward_names(void) {
    world_t w = gc_world();
    const char *const names[] = {"a\"b", "back\\slash", "new\nline", "tab\tand\x01\x1f", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                 "\x7f", "'}],{[", "\\u0041", "\"", "\\"};
    enum { NAMES = sizeof names / sizeof *names };
    wrt_ref_t r[NAMES];
    for (int i = 0; i < NAMES; i++) {
        char quoted[200], text[3000], more[200] = "", *to = quoted;
        for (const char *c = names[i]; *c; c++) to += sprintf(to, "\\%02x", (unsigned char)*c);
        /* A separate type for each, since names belong to types, and equal types are one. */
        for (int n = 0; n < i; n++) strcat(more, "(field i32) ");
        snprintf(text, sizeof text,
                "(module $\"m%s\" (type $\"t%s\" (struct (field $\"f%s\" (mut anyref)) %s))"
                " (table 1 anyref) (func (export \"f\") (result anyref) (local $x (ref $\"t%s\"))"
                "  (local.set $x (struct.new_default $\"t%s\")) (struct.set $\"t%s\" 0 (local.get $x) (local.get $x))"
                "  (table.set 0 (i32.const 0) (local.get $x)) (global.set $g (local.get $x)) (local.get $x))"
                " (global $g (mut anyref) (ref.null any)))",
                quoted, quoted, quoted, more, quoted, quoted, quoted);
        wrt_instance_t inst = instance_of(w.engine, w.store, text);
        wrt_func_t f = func_of(w.store, &inst, "f");
        wrt_val_t v;
        OK(wrt_func_call(w.store, &f, NULL, 0, &v, 1));
        r[i] = v.of.ref;
    }
    graph_t g = picture(w.store);
    for (int i = 0; i < NAMES; i++) {
        char name[100];
        sprintf(name, "$t%s", names[i]);
        CHECK(count_named(&g, name) == 1);
        size_t at = 0;
        while (strcmp(g.nodes[at].name, name)) at++;
        sprintf(name, "f%s", names[i]);
        CHECK(follow(&g, at, name, 0) == at);
        int instances = 0;
        sprintf(name, "m%s", names[i]);
        for (size_t n = 0; n < g.node_count; n++) {
            const char *of = g.nodes[n].name;
            instances += !strncmp(of, "instance ", 9) && strlen(of) > strlen(name) && !strcmp(of + strlen(of) - strlen(name), name);
        }
        CHECK(instances == 1);
        OK(wrt_ref_release(w.store, &r[i]));
    }
    graph_end(&g);
    world_end(&w);
}

/* More than one piece; and the callback's error is returned. */
static void many_objects(void) {
    world_t w = gc_world();
    wrt_types_t *types = types_of(w.engine, "(type $row (array (mut anyref))) (type $leaf (struct (field i32)))");
    wrt_type_t row = type_named(types, "row"), leaf = type_named(types, "leaf");
    int n = zeal ? 300 : 10000;
    wrt_ref_t list, r;
    OK(wrt_array_new_default(w.store, &row, (uint32_t)n, &list));
    for (int i = 0; i < n; i++) {
        OK(wrt_struct_new_default(w.store, &leaf, &r));
        wrt_val_t v = ref_val(WRT_ANYREF, r);
        OK(wrt_array_set(w.store, &list, (uint32_t)i, &v));
    }
    graph_t g = picture(w.store);
    CHECK(g.node_count == (size_t)n + 3 && g.edge_count == (size_t)n + 2 && count_named(&g, "$leaf") == (size_t)n);
    size_t at = only(&g, "$row");
    for (int i = 0; i < n; i++) {
        const edge_t *e = &g.edges[g.nodes[at].first_edge + (size_t)i];
        CHECK(e->index == (uint64_t)i && is_node(&g, e->to, "object", "$leaf", 4));
    }
    int pieces = (int)g.pieces;
    graph_end(&g);
    CHECK(zeal || pieces > 3);
    for (int i = 1; i <= pieces; i++) {
        text_t t = {.store = w.store, .fails_at = i};
        wrt_error_t *error = wrt_store_write_heap_snapshot(w.store, gather, &t);
        CHECK(wrt_error_kind(error) == WRT_ERROR_KIND_IO && !strcmp(wrt_error_message(error, NULL), "the disk is full"));
        wrt_error_delete(error);
        CHECK(t.pieces == i);
        free(t.text);
    }
    text_t t = {.store = w.store};
    BAD(wrt_store_write_heap_snapshot(NULL, gather, &t));
    BAD(wrt_store_write_heap_snapshot(w.store, NULL, &t));
    CHECK(t.pieces == 0);
    /* The store is unchanged. */
    uint32_t len;
    OK(wrt_array_len(w.store, &list, &len));
    CHECK(len == (uint32_t)n);
    wrt_types_delete(types);
    world_end(&w);
}

int main(void) {
    for (zeal = 0; zeal < 3; zeal++) {
        nothing_at_all();
        known_graph();
        frames();
        awkward_names();
        many_objects();
    }
    return 0;
}
