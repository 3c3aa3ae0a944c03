;; The Python extension module `_large_stack`: what cannot be said in Python. `call(function)`
;; calls a function without arguments on a stack of 8 MiB, as a native process has it.
;; `immortalize(object)` makes CPython stop counting references to an object.
;;
;; C code compiled to WebAssembly keeps variables whose address is taken on a stack in linear
;; memory. componentize-py gives it 1 MiB, and CPython raises RecursionError at its end: after
;; some 2,500 levels of recursion through `lru_cache`, `max` over a generator and the like,
;; where a native process with its 8 MiB has room for several times as many. The block is a
;; part of the snapshot, so that a step need not ask for it.
;;
;; The module is loaded once, while the guest is built, by the dynamic linker of wasi-libc.
(module
  (@dylink.0 (mem-info (memory 256 4) (table 3 0)))
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 3 funcref))
  (import "env" "__stack_pointer" (global $stack_pointer (mut i32)))
  (import "env" "__memory_base" (global $memory_base i32))
  (import "env" "__table_base" (global $table_base i32))
  (import "env" "malloc" (func $malloc (param i32) (result i32)))
  (import "env" "PyBool_FromLong" (func $PyBool_FromLong (param i32) (result i32)))
  (import "env" "PyModule_Create2" (func $PyModule_Create2 (param i32 i32) (result i32)))
  (import "env" "PyObject_CallNoArgs" (func $PyObject_CallNoArgs (param i32) (result i32)))
  (import "env" "PyThreadState_Get" (func $PyThreadState_Get (result i32)))

  ;; Address of the limits in CPython's thread state, or 0. They are three consecutive words,
  ;; `c_stack_top`, `c_stack_soft_limit` and `c_stack_hard_limit`, with the values that
  ;; CPython computes for a stack that lies between the addresses 0 and 1 MiB.
  (func $limits (result i32)
    (local $word i32) (local $end i32)
    (local.set $word (call $PyThreadState_Get))
    (local.set $end (i32.add (local.get $word) (i32.const 4096)))
    (loop $next
      (if (i32.and
            (i32.eq (i32.load (local.get $word)) (i32.const 0x100000))
            (i32.and
              (i32.eq (i32.load offset=4 (local.get $word)) (i32.const 0x4000))
              (i32.eq (i32.load offset=8 (local.get $word)) (i32.const 0x2000))))
        (then (return (local.get $word))))
      (local.set $word (i32.add (local.get $word) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $word) (local.get $end))))
    (i32.const 0))

  ;; prepare(_): finds the limits and takes the block. False if either cannot be had.
  (func $prepare (param $self i32) (param $argument i32) (result i32)
    (i32.store offset=192 (global.get $memory_base) (call $limits))
    (i32.store offset=196 (global.get $memory_base) (call $malloc (i32.const 0x800000)))
    (call $PyBool_FromLong
      (i32.and
        (i32.ne (i32.load offset=192 (global.get $memory_base)) (i32.const 0))
        (i32.ne (i32.load offset=196 (global.get $memory_base)) (i32.const 0)))))

  (func $call (param $self i32) (param $function i32) (result i32)
    (local $block i32) (local $limits i32) (local $old_pointer i32) (local $result i32)
    (local.set $limits (i32.load offset=192 (global.get $memory_base)))
    (local.set $block (i32.load offset=196 (global.get $memory_base)))
    ;; A call within a call is on the large stack already.
    (if (i32.ne (i32.load (local.get $limits)) (i32.const 0x100000))
      (then (return (call $PyObject_CallNoArgs (local.get $function)))))
    (local.set $old_pointer (global.get $stack_pointer))
    (global.set $stack_pointer
      (i32.and (i32.add (local.get $block) (i32.const 0x7ffff0)) (i32.const -16)))
    (i32.store (local.get $limits) (global.get $stack_pointer))
    ;; Wider margins than CPython's: there is room.
    (i32.store offset=4 (local.get $limits)
      (i32.add (local.get $block) (i32.const 0x20000)))
    (i32.store offset=8 (local.get $limits)
      (i32.add (local.get $block) (i32.const 0x10000)))
    (local.set $result (call $PyObject_CallNoArgs (local.get $function)))
    (i32.store (local.get $limits) (i32.const 0x100000))
    (i32.store offset=4 (local.get $limits) (i32.const 0x4000))
    (i32.store offset=8 (local.get $limits) (i32.const 0x2000))
    (global.set $stack_pointer (local.get $old_pointer))
    (local.get $result))

  ;; immortalize(object): gives it the reference count by which CPython knows objects that it
  ;; never counts references of. The count is the first word of every object.
  (func $immortalize (param $self i32) (param $object i32) (result i32)
    (i32.store (local.get $object) (i32.const 0x50000000))
    (call $PyBool_FromLong (i32.const 1)))

  (elem (global.get $table_base) func $call $prepare $immortalize)

  ;; The module's own memory: at 0 a PyModuleDef, at 64 an array of PyMethodDef (name,
  ;; function, flags, documentation), at 128 the names, at 192 the addresses of the limits and
  ;; of the block.
  (func $PyInit (result i32)
    (local $definition i32) (local $methods i32) (local $names i32)
    (local.set $definition (global.get $memory_base))
    (local.set $methods (i32.add (local.get $definition) (i32.const 64)))
    (local.set $names (i32.add (local.get $definition) (i32.const 128)))
    (i32.store (local.get $definition) (i32.const 1))                        ;; references
    (i32.store offset=20 (local.get $definition) (local.get $names))         ;; m_name
    (i32.store offset=28 (local.get $definition) (i32.const -1))             ;; m_size
    (i32.store offset=32 (local.get $definition) (local.get $methods))       ;; m_methods
    (i32.store (local.get $methods) (i32.add (local.get $names) (i32.const 16)))
    (i32.store offset=4 (local.get $methods) (global.get $table_base))
    (i32.store offset=8 (local.get $methods) (i32.const 8))                  ;; METH_O
    (i32.store offset=16 (local.get $methods) (i32.add (local.get $names) (i32.const 32)))
    (i32.store offset=20 (local.get $methods)
      (i32.add (global.get $table_base) (i32.const 1)))
    (i32.store offset=24 (local.get $methods) (i32.const 8))                 ;; METH_O
    (i32.store offset=32 (local.get $methods) (i32.add (local.get $names) (i32.const 48)))
    (i32.store offset=36 (local.get $methods)
      (i32.add (global.get $table_base) (i32.const 2)))
    (i32.store offset=40 (local.get $methods) (i32.const 8))                 ;; METH_O
    (call $PyModule_Create2 (local.get $definition) (i32.const 1013)))       ;; API version

  ;; Writes the names. (A data segment would need its place known by the linker.)
  (func $relocations
    (i64.store offset=128 (global.get $memory_base) (i64.const 0x735f656772616c5f)) ;; _large_s
    (i64.store offset=136 (global.get $memory_base) (i64.const 0x6b636174))         ;; tack
    (i64.store offset=144 (global.get $memory_base) (i64.const 0x6c6c6163))         ;; call
    (i64.store offset=160 (global.get $memory_base) (i64.const 0x65726170657270))   ;; prepare
    (i64.store offset=176 (global.get $memory_base) (i64.const 0x6c6174726f6d6d69)) ;; immortal
    (i64.store offset=184 (global.get $memory_base) (i64.const 0x657a69)))          ;; ize

  (export "PyInit__large_stack" (func $PyInit))
  (export "__wasm_apply_data_relocs" (func $relocations)))
