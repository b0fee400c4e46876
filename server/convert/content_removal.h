// Reports of removals as messages.
#pragma once

#include "penstock/v1/content_removal.pb.h"
#include "storage/model.h"

namespace penstock {

void ToApi(const ContentRemovalRow& row, penstock::v1::ContentRemoval* out);

}  // namespace penstock
