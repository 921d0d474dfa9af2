;; As many objects as the argument says, alive as long as the instance.
(module
  (type $cell (sub final (struct (field $value i32) (field $next (ref null $cell)))))
  (global $list (mut (ref null $cell)) (ref.null $cell))
  (func (export "run") (param $count i32) (result i32)
    (loop $make
      (global.set $list (struct.new $cell (local.get $count) (global.get $list)))
      (br_if $make (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (struct.get $cell $value (global.get $list))))
