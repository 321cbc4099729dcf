#include "core/overrides/install_overrides.h"

#include "core/overrides/cpu_block_cache.h"
#include "core/overrides/default_generators.h"
#include "core/overrides/ordered_masks.h"
#include "core/overrides/products.h"

namespace continual {

void install_overrides() {
  keep_small_blocks();
  speed_up_products();
  are_channels_put_last();
  let_masks_follow_elements();
  let_threads_have_generators();
}

}  // namespace continual
