;; One list of as many cells as the argument says, all alive at the end.
(module
  (type $cell (sub final (struct (field $value i32) (field $next (ref null $cell)))))
  (func (export "run") (param $cells i32) (result i32) (local $list (ref null $cell)) (local $sum i32)
    (loop $make
      (local.set $list (struct.new $cell (local.get $cells) (local.get $list)))
      (br_if $make (local.tee $cells (i32.sub (local.get $cells) (i32.const 1)))))
    (loop $walk
      (local.set $sum (i32.add (local.get $sum) (struct.get $cell $value (local.get $list))))
      (br_if $walk (i32.eqz (ref.is_null (local.tee $list (struct.get $cell $next (local.get $list)))))))
    (local.get $sum)))
