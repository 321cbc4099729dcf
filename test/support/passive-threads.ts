/** Teams that do not spin at barriers: two processes of tests share the cores. Read when libtorch is loaded. */
process.env.OMP_WAIT_POLICY ??= 'PASSIVE';
