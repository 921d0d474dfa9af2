;; Uses what values.wat exports.
(module
  (import "values" "add" (func $add (param i32 i32) (result i32)))
  (func (export "thrice") (param i32) (result i32)
    (call $add (local.get 0) (call $add (local.get 0) (local.get 0)))))
