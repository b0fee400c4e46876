#include "executor/python/env_request.h"

#include <charconv>
#include <string_view>
#include <utility>

namespace penstock {
namespace {

constexpr std::string_view kList = "--list=";

bool ParseNumber(std::string_view text, int64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && *number >= 0;
}

// A list of words is its name, how many there are, and they.
void AddList(std::string_view name, const std::vector<std::string>& words, std::vector<std::string>* out) {
  out->push_back(std::string(kList) + std::string(name));
  out->push_back(std::to_string(words.size()));
  out->insert(out->end(), words.begin(), words.end());
}

bool SetList(std::string_view name, std::vector<std::string> words, EnvRequest* request) {
  if (name == "site") {
    request->base.site_dirs = std::move(words);
  } else if (name == "install") {
    request->installs.push_back(std::move(words));
  } else if (name == "requires") {
    request->requirements = std::move(words);
  } else if (name == "constraints") {
    request->constraints = std::move(words);
  } else if (name == "variables") {
    request->variables = std::move(words);
  } else {
    return false;
  }
  return true;
}

bool SetValue(std::string_view name, std::string_view value, EnvRequest* request) {
  int64_t has_pip = 0;
  if (name == "--limit_bytes") return ParseNumber(value, &request->limit_bytes);
  if (name == "--has_pip") {
    const bool good = ParseNumber(value, &has_pip);
    request->base.has_pip = has_pip != 0;
    return good;
  }
  const std::pair<std::string_view, std::string*> texts[] = {
      {"--envs_dir", &request->envs_dir},    {"--key", &request->key},
      {"--version", &request->base.version}, {"--executable", &request->base.executable},
      {"--bin_dir", &request->base.bin_dir}, {"--overlay", &request->overlay},
  };
  for (const auto& [known, text] : texts) {
    if (name == known) {
      *text = std::string(value);
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> ToArguments(const EnvRequest& request) {
  std::vector<std::string> out = {
      "--envs_dir=" + request.envs_dir,
      "--key=" + request.key,
      "--limit_bytes=" + std::to_string(request.limit_bytes),
      "--version=" + request.base.version,
      "--executable=" + request.base.executable,
      "--bin_dir=" + request.base.bin_dir,
      "--has_pip=" + std::to_string(request.base.has_pip ? 1 : 0),
      "--overlay=" + request.overlay,
  };
  AddList("site", request.base.site_dirs, &out);
  AddList("requires", request.requirements, &out);
  AddList("constraints", request.constraints, &out);
  AddList("variables", request.variables, &out);
  for (const std::vector<std::string>& install : request.installs) AddList("install", install, &out);
  out.emplace_back("--");
  out.insert(out.end(), request.command.begin(), request.command.end());
  return out;
}

bool ParseArguments(const std::vector<std::string>& arguments, EnvRequest* request) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") {
      request->command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
      return !request->command.empty() && !request->key.empty() && !request->envs_dir.empty();
    }
    if (argument.substr(0, kList.size()) == kList) {
      int64_t count = 0;
      if (i + 1 >= arguments.size() || !ParseNumber(arguments[i + 1], &count) ||
          static_cast<size_t>(count) > arguments.size() - i - 2) {
        return false;
      }
      const auto begin = arguments.begin() + static_cast<std::ptrdiff_t>(i) + 2;
      if (!SetList(argument.substr(kList.size()), {begin, begin + count}, request)) return false;
      i += 1 + static_cast<size_t>(count);
      continue;
    }
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos ||
        !SetValue(argument.substr(0, equals), argument.substr(equals + 1), request)) {
      return false;
    }
  }
  return false;
}

}  // namespace penstock
