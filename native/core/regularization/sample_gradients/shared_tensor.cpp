#include "core/regularization/sample_gradients/shared_tensor.h"

#include <algorithm>
#include <numeric>

namespace continual {
namespace {

class Given final : public SampleGradients {
 public:
  explicit Given(at::Tensor gradients) : gradients_(std::move(gradients)) {}

  at::Tensor of(int64_t first, int64_t count) const override { return gradients_.narrow(0, first, count); }
  int64_t elements() const override { return gradients_[0].numel(); }
  bool add(const at::Tensor& sum, const Elementwise& f) const override {
    sum.add_(f(gradients_).sum(0));
    return true;
  }

 private:
  at::Tensor gradients_;
};

class Product final : public SampleGradients {
 public:
  Product(at::Tensor left, at::Tensor right) : left_(std::move(left)), right_(std::move(right)) {}

  at::Tensor of(int64_t first, int64_t count) const override {
    return at::bmm(left_.narrow(0, first, count).transpose(1, 2), right_.narrow(0, first, count));
  }
  int64_t elements() const override { return left_.size(2) * right_.size(2); }
  bool add(const at::Tensor& sum, const Elementwise& f) const override {
    if (left_.size(1) != 1) return false;
    sum.addmm_(f(left_.squeeze(1)).t(), f(right_.squeeze(1)));
    return true;
  }

 private:
  at::Tensor left_;
  at::Tensor right_;
};

class Table final : public SampleGradients {
 public:
  Table(at::Tensor indices, const at::Tensor& gradients, int64_t rows, int64_t padding)
      : indices_(std::move(indices)),
        gradients_(padding < 0 ? gradients : gradients * (indices_ != padding).unsqueeze(2)),
        rows_(rows) {}

  at::Tensor of(int64_t first, int64_t count) const override {
    const int64_t width = gradients_.size(2);
    at::Tensor tables = at::zeros({count * rows_, width}, gradients_.options());
    tables.index_add_(0, entries(first, count), gradients_.narrow(0, first, count).reshape({-1, width}));
    return tables.view({count, rows_, width});
  }

  int64_t elements() const override { return rows_ * gradients_.size(2); }

  /// Sums over what a sample has read of one row, without a table for each: entries of the same sample and row stand
  /// together once they are sorted, and each such run has a number.
  bool add(const at::Tensor& sum, const Elementwise& f) const override {
    if (indices_.numel() == 0) return true;
    const auto [sorted, order] = entries(0, indices_.size(0)).sort();
    const at::Tensor begins = sorted.slice(0, 1) != sorted.slice(0, 0, -1);
    const at::Tensor run = at::constant_pad_nd(begins.to(at::kLong), {1, 0}).cumsum(0);
    const at::Tensor read = gradients_.reshape({-1, gradients_.size(2)}).index_select(0, order);
    const at::Tensor of_runs = at::zeros_like(read).index_add_(0, run, read);
    const at::Tensor rows = at::zeros_like(sorted).scatter_(0, run, sorted.remainder(rows_));
    sum.index_add_(0, rows, f(of_runs).to(sum.scalar_type()));
    return true;
  }

 private:
  /// Where they would stand in one table below the other.
  at::Tensor entries(int64_t first, int64_t count) const {
    const at::Tensor begins = at::arange(count, indices_.options()) * rows_;
    return (begins.unsqueeze(1) + indices_.narrow(0, first, count)).view(-1);
  }

  at::Tensor indices_;
  at::Tensor gradients_;
  int64_t rows_;
};

int64_t product(at::IntArrayRef sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

class Windows final : public SampleGradients {
 public:
  Windows(at::Tensor at_places, at::Tensor in_windows, ConvolutionGeometry geometry)
      : at_places_(std::move(at_places)), in_windows_(std::move(in_windows)), geometry_(std::move(geometry)) {}

  at::Tensor of(int64_t first, int64_t count) const override {
    const int64_t groups = geometry_.groups;
    const int64_t channels = in_windows_.size(1) / groups;
    const at::Tensor places = at_places_.narrow(0, first, count).reshape({count * groups, -1, spatial_size()});
    const at::Tensor windows = windows_of(in_windows_.narrow(0, first, count), channels);
    const at::Tensor gradients = at::bmm(places, windows.transpose(1, 2));
    std::vector<int64_t> shape{count, at_places_.size(1), channels};
    shape.insert(shape.end(), geometry_.kernel.begin(), geometry_.kernel.end());
    return gradients.view(shape);
  }

  int64_t elements() const override {
    const int64_t channels = in_windows_.size(1) * product(geometry_.kernel);
    return channels * spatial_size() + at_places_.size(1) * channels / geometry_.groups;
  }

 private:
  int64_t spatial_size() const { return product(at_places_.sizes().slice(2)); }

  /// [count * groups, channels * kernel, places], a view where windows do not overlap.
  at::Tensor windows_of(const at::Tensor& tensor, int64_t channels) const {
    std::vector<int64_t> pad;
    for (auto padding = geometry_.padding.rbegin(); padding != geometry_.padding.rend(); ++padding) {
      pad.insert(pad.end(), 2, *padding);
    }
    const bool is_padded = std::any_of(pad.begin(), pad.end(), [](int64_t width) { return width != 0; });
    const at::Tensor padded = is_padded ? at::constant_pad_nd(tensor, pad) : tensor;
    std::vector<int64_t> sizes{tensor.size(0), geometry_.groups, channels};
    std::vector<int64_t> strides{padded.stride(0), channels * padded.stride(1), padded.stride(1)};
    for (size_t i = 0; i < geometry_.kernel.size(); ++i) {
      sizes.push_back(geometry_.kernel[i]);
      strides.push_back(padded.stride(i + 2) * geometry_.dilation[i]);
    }
    for (size_t i = 0; i < geometry_.kernel.size(); ++i) {
      sizes.push_back(at_places_.size(i + 2));
      strides.push_back(padded.stride(i + 2) * geometry_.stride[i]);
    }
    return padded.as_strided(sizes, strides, padded.storage_offset())
        .reshape({tensor.size(0) * geometry_.groups, channels * product(geometry_.kernel), spatial_size()});
  }

  at::Tensor at_places_;
  at::Tensor in_windows_;
  ConvolutionGeometry geometry_;
};

}  // namespace

SampleGradientsPointer given_gradients(at::Tensor gradients) { return std::make_unique<Given>(std::move(gradients)); }

SampleGradientsPointer product_gradients(at::Tensor left, at::Tensor right) {
  return std::make_unique<Product>(std::move(left), std::move(right));
}

SampleGradientsPointer table_gradients(at::Tensor indices, at::Tensor gradients, int64_t rows, int64_t padding) {
  return std::make_unique<Table>(std::move(indices), std::move(gradients), rows, padding);
}

SampleGradientsPointer window_gradients(at::Tensor at_places, at::Tensor in_windows, ConvolutionGeometry geometry) {
  return std::make_unique<Windows>(std::move(at_places), std::move(in_windows), std::move(geometry));
}

}  // namespace continual
