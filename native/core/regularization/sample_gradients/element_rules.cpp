// Operators without parameters of their own: samples stay apart where they act within the samples' dimension alone.
#include <ATen/WrapDimUtils.h>
#include <torch/csrc/autograd/functions/tensor.h>
#include <torch/csrc/autograd/generated/Functions.h>

#include "core/regularization/sample_gradients/sample_rules.h"

namespace continual {
namespace {

using namespace torch::autograd::generated;

/// Any reshape.
bool reshape(Passage& passage) {
  if (!passage.has(0)) return true;
  const std::vector<int64_t> sizes = passage.sizes_of(0);
  return c10::multiply_integers(sizes) == c10::multiply_integers(passage.sizes()) && passage.keeps(0, passage.axis());
}

/// Element by element, with broadcasting.
bool elementwise(Passage& passage) {
  for (size_t input = 0; input < passage.inputs(); ++input) {
    if (!passage.broadcasts(input)) return false;
  }
  return true;
}

template <typename Node>
bool sum_of(Passage& passage, int sign) {
  const auto* node = passage.template as<Node>();
  if (node == nullptr || node->alpha.isComplex()) return false;
  return passage.broadcasts(0, [](const at::Tensor& delta) { return delta; }) &&
         passage.broadcasts(1, [alpha = node->alpha, sign](const at::Tensor& delta) {
           return sign > 0 ? scaled(delta, alpha) : scaled(delta, alpha).neg();
         });
}

bool product(Passage& passage) {
  const auto* node = passage.as<MulBackward0>();
  if (node == nullptr) return false;
  const auto by = [&](size_t input, const torch::autograd::SavedVariable& saved) {
    if (!passage.has(input)) return true;
    return passage.broadcasts(input, [other = saved.unpack(passage.node()).detach()](const at::Tensor& delta) {
      return delta * widened(other).conj();
    });
  };
  return by(0, node->other_) && by(1, node->self_);
}

bool prelu(Passage& passage) {
  const auto* node = passage.as<PreluKernelBackward0>();
  if (node == nullptr || !passage.broadcasts(0)) return false;
  return passage.broadcasts(1, [x = node->self_.unpack(passage.node()).detach()](const at::Tensor& delta) {
    return delta * widened(x).clamp_max(0);
  });
}

bool expand(Passage& passage) {
  return passage.broadcasts(0, [](const at::Tensor& delta) { return delta; });
}

bool repeat(Passage& passage) {
  if (!passage.has(0)) return true;
  const auto* node = passage.as<RepeatBackward0>();
  if (node == nullptr || passage.dim() < 0) return false;
  const std::vector<int64_t> sizes = passage.sizes_of(0);
  const int64_t missing = passage.dims() - static_cast<int64_t>(sizes.size());
  std::vector<int64_t> blocks;
  std::vector<int64_t> summed;
  for (int64_t dim = 0; dim < passage.dims(); ++dim) {
    const int64_t size = dim < missing ? 1 : sizes[dim - missing];
    blocks.insert(blocks.end(), {size == 0 ? 0 : passage.sizes()[dim] / size, size});
    if (dim != passage.dim()) summed.push_back(2 * dim);
  }
  const int64_t times = blocks[2 * passage.dim()];
  const int64_t size = blocks[2 * passage.dim() + 1];
  if (times == 1) return passage.keeps(0, passage.dim() - missing);
  const auto [dim, outer, within] = passage.place();
  if (times != passage.axis().samples || outer != 1 || within != size) return false;
  std::vector<int64_t> shape{times};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  return passage.shares(0, [=](const at::Tensor& delta) {
    const at::Tensor apart = delta.reshape(blocks);
    const at::Tensor sums = summed.empty() ? apart : apart.sum(summed, /*keepdim=*/true);
    return given_gradients(sums.movedim(2 * dim, 0).reshape(shape));
  });
}

bool transpose(Passage& passage, int64_t first, int64_t second) {
  first = at::maybe_wrap_dim(first, passage.dims());
  second = at::maybe_wrap_dim(second, passage.dims());
  const int64_t dim = passage.dim();
  return passage.keeps(0, dim == first ? second : dim == second ? first : dim);
}

template <typename Node>
bool transpose_dims(Passage& passage) {
  const auto* node = passage.template as<Node>();
  return node != nullptr && transpose(passage, node->dim0, node->dim1);
}

bool permute(Passage& passage) {
  const auto* node = passage.as<PermuteBackward0>();
  if (node == nullptr || passage.dim() < 0) return false;
  return passage.keeps(0, at::maybe_wrap_dim(node->dims[passage.dim()], passage.dims()));
}

/// Acts along `dims` of an output that has all dimensions of the input.
bool along(Passage& passage, at::IntArrayRef dims) {
  for (const int64_t dim : dims) {
    if (at::maybe_wrap_dim(dim, passage.dims()) == passage.dim()) return false;
  }
  for (size_t input = 0; input < passage.inputs(); ++input) {
    if (!passage.keeps(input, passage.dim())) return false;
  }
  return true;
}

/// Takes `dims` of the input away, or leaves them with size 1.
bool reduce(Passage& passage, at::IntArrayRef dims, bool keepdim) {
  if (!passage.has(0)) return true;
  const auto input_dims = static_cast<int64_t>(passage.sizes_of(0).size());
  if (dims.empty() || passage.dim() < 0) return false;
  std::vector<bool> is_reduced(input_dims);
  for (const int64_t dim : dims) is_reduced[at::maybe_wrap_dim(dim, input_dims)] = true;
  int64_t output_dim = 0;
  for (int64_t dim = 0; dim < input_dims; ++dim) {
    if (is_reduced[dim] && !keepdim) continue;
    if (output_dim++ == passage.dim()) return !is_reduced[dim] && passage.keeps(0, dim);
  }
  return false;
}

at::IntArrayRef listed(const std::vector<int64_t>& dims) { return dims; }
at::IntArrayRef listed(const c10::OptionalArray<int64_t>& dims) {
  return dims.list ? at::IntArrayRef(*dims.list) : at::IntArrayRef();
}
at::IntArrayRef listed(const int64_t& dim) { return dim; }

template <typename Node>
bool reduction(Passage& passage) {
  const auto* node = passage.template as<Node>();
  return node != nullptr && reduce(passage, listed(node->dim), node->keepdim);
}

/// One entry of dimension `dim` of the input.
template <typename Node>
bool selection(Passage& passage) {
  const auto* node = passage.template as<Node>();
  return node != nullptr && reduce(passage, node->dim, /*keepdim=*/false);
}

template <typename Node>
bool along_dim(Passage& passage) {
  const auto* node = passage.template as<Node>();
  return node != nullptr && along(passage, listed(node->dim));
}

template <typename Node>
bool along_dims(Passage& passage) {
  const auto* node = passage.template as<Node>();
  return node != nullptr && !node->dims.empty() && along(passage, node->dims);
}

bool stack(Passage& passage) {
  const auto* node = passage.as<StackBackward0>();
  if (node == nullptr) return false;
  const int64_t stacked = at::maybe_wrap_dim(node->dim, passage.dims());
  if (stacked == passage.dim()) return false;
  for (size_t input = 0; input < passage.inputs(); ++input) {
    if (!passage.keeps(input, passage.dim() - (stacked < passage.dim() ? 1 : 0))) return false;
  }
  return true;
}

/// Copies into a part of a tensor that holds all samples.
bool copy_into_slice(Passage& passage) {
  const auto* node = passage.as<torch::autograd::CopySlices>();
  if (node == nullptr || dynamic_cast<const torch::autograd::CopyBackwards*>(node->fn.get()) == nullptr) return false;
  if (node->view.strides() != node->base.strides() || !passage.keeps(0, passage.axis())) return false;
  return !passage.has(1) || (node->view.sizes() == at::IntArrayRef(passage.sizes_of(1)) && passage.keeps(1, passage.dim()));
}

bool constant_pad(Passage& passage) {
  const auto* node = passage.as<ConstantPadNdBackward0>();
  if (node == nullptr || passage.dim() >= passage.dims() - static_cast<int64_t>(node->pad.size() / 2)) return false;
  return passage.keeps(0, passage.dim());
}

/// Acts within the last dimensions.
Rule within_last(int64_t dims) {
  return [dims](Passage& passage) { return passage.dim() < passage.dims() - dims && passage.keeps(0, passage.dim()); };
}

bool within_first(Passage& passage) { return passage.dim() == 0 && passage.keeps(0, int64_t{0}); }

/// Each of them acts on [B, heads, ...] of query, key and value, and on a mask.
bool attention(Passage& passage) {
  if (passage.dim() < 0 || passage.dim() > 1 || passage.dims() != 4) return false;
  for (size_t input = 0; input < 3; ++input) {
    if (passage.has(input) && passage.sizes_of(input).size() != 4) return false;
    if (!passage.keeps(input, passage.dim())) return false;
  }
  return !passage.has(3) || (passage.sizes_of(3).size() == 4 && passage.keeps(3, passage.dim()));
}

bool batched_products(Passage& passage, size_t left) {
  switch (passage.dim()) {
    case 0: return passage.keeps(left, int64_t{0}) && passage.keeps(left + 1, int64_t{0});
    case 1: return passage.keeps(left, int64_t{1}) && !passage.has(left + 1);
    case 2: return passage.keeps(left + 1, int64_t{2}) && !passage.has(left);
    default: return false;
  }
}

constexpr const char* kElementwise[] = {
    "Abs0",           "Acos0",       "Acosh0",     "Add1",        "Addcdiv0",  "Addcmul0",    "Angle0",
    "Asin0",          "Asinh0",      "Atan20",     "Atan0",       "Atanh0",    "Ceil0",       "Celu0",
    "Clamp0",         "Clamp1",      "ClampMax0",  "ClampMax1",   "ClampMin0", "ClampMin1",   "Clone0",
    "ConjPhysical0",  "Copysign0",   "Cos0",       "Cosh0",       "Div0",      "Div1",        "Div2",
    "Div3",           "Elu0",        "Erf0",       "Erfc0",       "Exp20",     "Exp0",        "Expm10",
    "Floor0",         "Fmax0",       "Fmin0",      "Fmod0",       "Frac0",     "Gelu0",       "Hardshrink0",
    "Hardsigmoid0",   "Hardswish0",  "Hardtanh0",  "Hypot0",      "Lerp0",     "Lerp1",       "LeakyRelu0",
    "Lgamma0",        "Log0",        "Log100",     "Log1P0",      "Log20",     "LogSigmoid0", "Logaddexp0",
    "Logit0",         "MaskedFill0", "Maximum0",   "Minimum0",    "Mish0",     "Mul1",        "NanToNum0",
    "NativeDropout0", "Neg0",        "Pow0",       "Pow1",        "Pow2",      "Reciprocal0", "Relu0",
    "Round0",         "Rsqrt0",      "Rsub0",      "Rsub1",       "Sgn0",      "Sigmoid0",    "Sign0",
    "Silu0",          "Sin0",        "Sinc0",      "Sinh0",       "Softplus0", "Softshrink0", "Sqrt0",
    "Sub1",           "Tan0",        "Tanh0",      "Threshold0",  "ToCopy0",   "Trunc0",      "Where0",
};
constexpr const char* kReshapes[] = {"Alias0",   "ReshapeAlias0", "Squeeze0",    "Squeeze1",   "Squeeze2",   "Squeeze3",
                                     "Squeeze4", "Squeeze5",      "UnsafeView0", "Unsqueeze0", "Unsqueeze1", "View0"};
constexpr std::pair<const char*, int64_t> kSpatial[] = {
    {"AdaptiveAvgPool2D0", 2},     {"AdaptiveAvgPool3D0", 3},   {"AdaptiveMaxPool2D0", 2},
    {"AdaptiveMaxPool3D0", 3},     {"AvgPool2D0", 2},           {"AvgPool3D0", 3},
    {"MaxPool2DWithIndices0", 2},  {"MaxPool3DWithIndices0", 3}, {"PixelShuffle0", 3},
    {"PixelUnshuffle0", 3},        {"ReflectionPad1D0", 1},     {"ReflectionPad2D0", 2},
    {"ReflectionPad3D0", 3},       {"ReplicationPad1D0", 1},    {"ReplicationPad2D0", 2},
    {"ReplicationPad3D0", 3},      {"UpsampleBicubic2D0", 2},   {"UpsampleBilinear2D0", 2},
    {"UpsampleLinear1D0", 1},      {"UpsampleNearest1D0", 1},   {"UpsampleNearest2D0", 2},
    {"UpsampleNearest3D0", 3},     {"UpsampleNearestExact1D0", 1}, {"UpsampleNearestExact2D0", 2},
    {"UpsampleNearestExact3D0", 3}, {"UpsampleTrilinear3D0", 3},
};

/// "Relu0" is ReluBackward0.
std::string node_name(const std::string& name) { return name.substr(0, name.size() - 1) + "Backward" + name.back(); }

}  // namespace

Rules element_rules() {
  Rules rules;
  for (const char* name : kElementwise) rules[node_name(name)] = elementwise;
  for (const char* name : kReshapes) rules[node_name(name)] = reshape;
  for (const auto& [name, dims] : kSpatial) rules[node_name(name)] = within_last(dims);
  for (const char* name : {"Im2Col0", "Col2Im0", "ChannelShuffle0"}) rules[node_name(name)] = within_first;
  for (const char* name : {"ScaledDotProductFlashAttentionForCpu0", "ScaledDotProductFlashAttention0",
                           "ScaledDotProductEfficientAttention0", "ScaledDotProductCudnnAttention0"}) {
    rules[node_name(name)] = attention;
  }
  const std::pair<const char*, Rule> others[] = {
      {"Add0", [](Passage& passage) { return sum_of<AddBackward0>(passage, 1); }},
      {"Sub0", [](Passage& passage) { return sum_of<SubBackward0>(passage, -1); }},
      {"Mul0", product},
      {"PreluKernel0", prelu},
      {"Expand0", expand},
      {"Repeat0", repeat},
      {"T0", [](Passage& passage) { return passage.dims() < 2 ? reshape(passage) : transpose(passage, 0, 1); }},
      {"Transpose0", transpose_dims<TransposeBackward0>},
      {"Transpose1", transpose_dims<TransposeBackward1>},
      {"Permute0", permute},
      {"Sum1", reduction<SumBackward1>},
      {"Mean1", reduction<MeanBackward1>},
      {"Amax0", reduction<AmaxBackward0>},
      {"Amin0", reduction<AminBackward0>},
      {"Max0", reduction<MaxBackward0>},
      {"Min0", reduction<MinBackward0>},
      {"Logsumexp0", reduction<LogsumexpBackward0>},
      {"LinalgVectorNorm0", reduction<LinalgVectorNormBackward0>},
      {"Norm1", reduction<NormBackward1>},
      {"Var0", reduction<VarBackward0>},
      {"Std0", reduction<StdBackward0>},
      {"Select0", selection<SelectBackward0>},
      {"Unbind0", selection<UnbindBackward0>},
      {"Slice0", along_dim<SliceBackward0>},
      {"Split0", along_dim<SplitBackward0>},
      {"SplitWithSizes0", along_dim<SplitWithSizesBackward0>},
      {"UnsafeSplit0", along_dim<UnsafeSplitBackward0>},
      {"Cat0", along_dim<CatBackward0>},
      {"Stack0", stack},
      {"Softmax0", along_dim<SoftmaxBackward0>},
      {"LogSoftmax0", along_dim<LogSoftmaxBackward0>},
      {"SafeSoftmax0", along_dim<SafeSoftmaxBackward0>},
      {"Glu0", along_dim<GluBackward0>},
      {"Cumsum0", along_dim<CumsumBackward0>},
      {"IndexSelect0", along_dim<IndexSelectBackward0>},
      {"Gather0", along_dim<GatherBackward0>},
      {"Flip0", along_dims<FlipBackward0>},
      {"Roll0", along_dims<RollBackward0>},
      {"ConstantPadNd0", constant_pad},
      {"Bmm0", [](Passage& passage) { return batched_products(passage, 0); }},
      {"Baddbmm0", [](Passage& passage) { return passage.broadcasts(0) && batched_products(passage, 1); }},
  };
  for (const auto& [name, rule] : others) rules[node_name(name)] = rule;
  rules["torch::autograd::CopySlices"] = copy_into_slice;
  rules["torch::autograd::CopyBackwards"] = elementwise;
  return rules;
}

}  // namespace continual
