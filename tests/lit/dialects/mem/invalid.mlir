// RUN: infc-opt --split-input-file --verify-diagnostics %s

// expected-error@+1 {{needs a name that is not empty}}
"mem.slab"() {sym_name = "", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()

// -----

// expected-error@+1 {{slab 's': alignment must be a power of two, got 3}}
"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 3 : i64, chunks = 1 : i64} : () -> ()

// -----

// expected-error@+1 {{slab 's': length must be a multiple of its alignment 64, got 65}}
"mem.slab"() {sym_name = "s", length = 65 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()

// -----

// expected-error@+1 {{slab 's': length must be a multiple of its alignment 64, got -64}}
"mem.slab"() {sym_name = "s", length = -64 : i64, alignment = 64 : i64, chunks = 0 : i64} : () -> ()

// -----

// expected-error@+1 {{slab 's': 2097216 bytes are 2 chunks of 2097152, not 1}}
"mem.slab"() {sym_name = "s", length = 2097216 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()

// -----

// expected-error@+1 {{attribute "length" is expected but not provided}}
"mem.slab"() {sym_name = "s", alignment = 64 : i64, chunks = 1 : i64} : () -> ()

// -----

// expected-error@+1 {{slab 's' is declared 2 times}}
"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()

// -----

// expected-error@+1 {{weight 'w': there is no slab 's', only none at all}}
"mem.prefetch"() {slab = @s, key = "w", bytes = 4 : i64} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{weight 'w': bytes must be positive, got 0}}
"mem.prefetch"() {slab = @s, key = "w", bytes = 0 : i64} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{weight 'w' has 65 bytes, slab 's' only 64}}
"mem.prefetch"() {slab = @s, key = "w", bytes = 65 : i64} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{'mem.require' op needs a key that is not empty}}
"mem.require"() {slab = @s, key = ""} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{weight 'w': there is no slab 't', only s}}
"mem.require"() {slab = @t, key = "w"} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{weight 'w': there is no slab 't', only s}}
"mem.release"() {slab = @t, key = "w"} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{expected base attribute 'builtin.symbol_ref'}}
"mem.release"() {slab = "s", key = "w"} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{'mem.prefetch' op needs a key that is not empty}}
"mem.prefetch"() {slab = @s, key = "", bytes = 4 : i64} : () -> ()

// -----

"mem.slab"() {sym_name = "s", length = 64 : i64, alignment = 64 : i64, chunks = 1 : i64} : () -> ()
// expected-error@+1 {{'mem.release' op needs a key that is not empty}}
"mem.release"() {slab = @s, key = ""} : () -> ()
