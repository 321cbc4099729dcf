const degrees = 'counts up to a degree of any size, without an end for 2^53';
const inside = 'a step inside of lstm, which looks at no shape';

/** Operators that are not called, and why: what they do is libtorch's own, and the same in PyTorch. */
export const excluded: Readonly<Record<string, string>> = {
  choose_qparams_optimized: 'tries as many bins as it is told to, 2^53 of them too',
  from_file: 'makes files of any name and size',
  mkldnn_rnn_layer: inside,
  mkldnn_rnn_layer_backward: inside,
  special_chebyshev_polynomial_t: degrees,
  special_chebyshev_polynomial_u: degrees,
  special_chebyshev_polynomial_v: degrees,
  special_chebyshev_polynomial_w: degrees,
  special_hermite_polynomial_h: degrees,
  special_hermite_polynomial_he: degrees,
  special_laguerre_polynomial_l: degrees,
  special_legendre_polynomial_p: degrees,
  special_shifted_chebyshev_polynomial_t: degrees,
  special_shifted_chebyshev_polynomial_u: degrees,
  special_shifted_chebyshev_polynomial_v: degrees,
  special_shifted_chebyshev_polynomial_w: degrees,
};
