// The floor of the Split MNIST comparisons: the same work as a plain libtorch C++ loop, written as the C++ API suggests.
// Prints one JSON object: the seconds of training with MAS, and of the importance passes in it.
//
//     bench_split_mnist MINI_BATCH CLASSES LAMBDA SEED FOLDER
#include <fstream>
#include <iostream>
#include <iterator>

#include "core/torch.h"

namespace {

using Clock = std::chrono::steady_clock;
using Experience = std::pair<torch::Tensor, torch::Tensor>;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

torch::Tensor read_idx(const std::string& path, int64_t header, std::vector<int64_t> shape) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  return torch::from_blob(bytes.data() + header, std::move(shape), torch::kUInt8).clone();
}

std::vector<Experience> split_mnist(const std::string& folder, const std::string& classes) {
  const torch::Tensor images = read_idx(folder + "/train-images-idx3-ubyte", 16, {60000, 1, 28, 28});
  const torch::Tensor labels = read_idx(folder + "/train-labels-idx1-ubyte", 8, {60000}).to(torch::kLong);
  std::vector<Experience> stream;
  for (size_t i = 0; i + 1 < classes.size(); i += 2) {
    const torch::Tensor is_member = torch::logical_or(labels == classes[i] - '0', labels == classes[i + 1] - '0');
    const torch::Tensor chosen = is_member.nonzero().flatten();
    const torch::Tensor x = (images.index_select(0, chosen).to(torch::kFloat) / 255 - 0.1307) / 0.3081;
    stream.emplace_back(x, labels.index_select(0, chosen));
  }
  return stream;
}

struct Net : torch::nn::Module {
  torch::nn::Linear hidden{register_module("hidden", torch::nn::Linear(784, 512))};
  torch::nn::Linear classifier{register_module("classifier", torch::nn::Linear(512, 10))};
  torch::Tensor forward(const torch::Tensor& x) { return classifier(torch::relu(hidden(x.flatten(1)))); }
};

struct Seconds {
  double all = 0, importance = 0;
};

Seconds train(const std::vector<Experience>& stream, int64_t mini_batch, double lambda) {
  const double alpha = 0.5;
  Net net;
  const std::vector<torch::Tensor> parameters = net.parameters();
  torch::optim::SGD optimizer(parameters, torch::optim::SGDOptions(0.01).momentum(0.9));
  std::vector<torch::Tensor> importance, anchor;
  Seconds seconds;
  const auto start = Clock::now();
  for (const auto& [x, y] : stream) {
    const torch::Tensor order = torch::randperm(x.size(0), torch::kLong);
    for (const torch::Tensor& rows : order.split(mini_batch)) {
      optimizer.zero_grad();
      torch::Tensor loss = torch::cross_entropy_loss(net.forward(x.index_select(0, rows)), y.index_select(0, rows));
      if (!importance.empty()) {
        torch::Tensor penalty = torch::zeros({});
        for (size_t i = 0; i < parameters.size(); ++i) {
          penalty = penalty + (importance[i] * (parameters[i] - anchor[i]).pow(2)).sum();
        }
        loss = loss + lambda * penalty;
      }
      loss.backward();
      optimizer.step();
    }

    const auto pass = Clock::now();
    std::vector<torch::Tensor> sums;
    for (const torch::Tensor& parameter : parameters) sums.push_back(torch::zeros_like(parameter));
    int64_t batches = 0;
    for (const torch::Tensor& batch : x.split(mini_batch)) {
      optimizer.zero_grad();
      torch::linalg_vector_norm(net.forward(batch), 2, at::IntArrayRef{1}).pow(2).mean().backward();
      for (size_t i = 0; i < parameters.size(); ++i) sums[i] += parameters[i].grad().abs();
      ++batches;
    }
    const torch::NoGradGuard no_grad;
    for (size_t i = 0; i < parameters.size(); ++i) {
      sums[i] /= batches;
      if (!importance.empty()) sums[i] = alpha * importance[i] + (1 - alpha) * sums[i];
    }
    importance = sums;
    anchor.clear();
    for (const torch::Tensor& parameter : parameters) anchor.push_back(parameter.detach().clone());
    seconds.importance += seconds_since(pass);
  }
  seconds.all = seconds_since(start);
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const int64_t mini_batch = std::stoll(argv[1]);
  const double lambda = std::stod(argv[3]);
  torch::manual_seed(std::stoull(argv[4]));
  std::vector<Experience> random;
  for (int i = 0; i < 2; ++i) {
    random.emplace_back(torch::randn({10 * mini_batch, 1, 28, 28}), torch::randint(10, {10 * mini_batch}, torch::kLong));
  }
  train(random, mini_batch, lambda);
  const Seconds seconds = train(split_mnist(argv[5], argv[2]), mini_batch, lambda);
  std::cout << "{\"seconds\":" << seconds.all << ",\"importanceSeconds\":" << seconds.importance << "}\n";
}
