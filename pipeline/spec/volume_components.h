// kfp-kubernetes' components CreatePVC and DeletePVC: their images are of no container, and stand for what a platform does.
#pragma once

#include "absl/strings/string_view.h"

namespace penstock {

inline constexpr absl::string_view kCreateVolumeImage = "argostub/createpvc";
inline constexpr absl::string_view kDeleteVolumeImage = "argostub/deletepvc";

inline bool IsVolumeImage(absl::string_view image) {
  return image == kCreateVolumeImage || image == kDeleteVolumeImage;
}

}  // namespace penstock
