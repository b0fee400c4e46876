#include "server/random_name.h"

#include <iterator>

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

constexpr absl::string_view kAdjectives[] = {
    "able",    "agile",    "amber",    "ample",   "ancient", "apt",      "arctic",   "astute",  "azure",
    "balmy",   "bold",     "brave",    "breezy",  "bright",  "brisk",    "calm",     "candid",  "capable",
    "careful", "cheerful", "chilly",   "clean",   "clear",   "clever",   "coastal",  "cobalt",  "cosmic",
    "cozy",    "crimson",  "crisp",    "curious", "dapper",  "daring",   "deep",     "deft",    "dewy",
    "distant", "dusky",    "dusty",    "eager",   "early",   "earnest",  "easy",     "elegant", "emerald",
    "even",    "fabled",   "fair",     "famous",  "fancy",   "fearless", "fine",     "firm",    "fleet",
    "fond",    "frank",    "free",     "fresh",   "frosty",  "gentle",   "gilded",   "glad",    "golden",
    "grand",   "grateful", "handy",    "happy",   "hardy",   "hazel",    "hearty",   "honest",  "humble",
    "icy",     "ideal",    "indigo",   "ivory",   "jolly",   "jovial",   "keen",     "kind",    "large",
    "lasting", "light",    "lively",   "loyal",   "lucid",   "lucky",    "lunar",    "mellow",  "merry",
    "mighty",  "mild",     "misty",    "modest",  "mossy",   "neat",     "nimble",   "noble",   "open",
    "orderly", "patient",  "peaceful", "plain",   "playful", "polar",    "polite",   "proud",   "quick",
    "quiet",   "rapid",    "rare",     "ready",   "regal",   "robust",   "rosy",     "round",   "rustic",
    "sage",    "salty",    "sandy",    "scarlet", "serene",  "sharp",    "shiny",    "silent",  "silver",
    "simple",  "sincere",  "sleek",    "slow",    "smart",   "smooth",   "snowy",    "soft",    "solar",
    "solid",   "spry",     "stable",   "steady",  "stellar", "still",    "stormy",   "sturdy",  "subtle",
    "sunny",   "swift",    "tall",     "tender",  "thrifty", "tidy",     "tranquil", "trusty",  "upbeat",
    "valiant", "vast",     "velvet",   "vivid",   "warm",    "wary",     "wild",     "windy",   "wise",
    "witty",   "young",    "zesty"};
constexpr absl::string_view kNouns[] = {
    "acorn",      "alder",     "anchor",  "antelope",  "ash",      "aspen",    "badger",      "bay",
    "beacon",     "bear",      "beaver",  "beech",     "birch",    "bison",    "bluff",       "bobcat",
    "boulder",    "breeze",    "brook",   "canyon",    "cape",     "cardinal", "caribou",     "cedar",
    "cliff",      "cloud",     "clover",  "comet",     "condor",   "coral",    "cormorant",   "cove",
    "coyote",     "crane",     "creek",   "cricket",   "crow",     "cypress",  "dale",        "deer",
    "delta",      "dolphin",   "dove",    "dune",      "eagle",    "egret",    "elk",         "elm",
    "ember",      "falcon",    "fern",    "ferret",    "finch",    "fir",      "fjord",       "flint",
    "forest",     "fox",       "frog",    "gale",      "gannet",   "garnet",   "gazelle",     "glacier",
    "glade",      "goose",     "granite", "grebe",     "grove",    "gull",     "harbor",      "hare",
    "harrier",    "hawk",      "hazel",   "heath",     "heron",    "hill",     "horizon",     "ibex",
    "ibis",       "inlet",     "iris",    "island",    "ivy",      "jackdaw",  "jade",        "jay",
    "juniper",    "kestrel",   "kite",    "lagoon",    "lake",     "larch",    "lark",        "laurel",
    "ledge",      "lemur",     "linden",  "lion",      "llama",    "loon",     "lotus",       "lynx",
    "magpie",     "maple",     "marsh",   "marten",    "meadow",   "merlin",   "mesa",        "mink",
    "moor",       "moose",     "moss",    "moth",      "mountain", "newt",     "nightingale", "oak",
    "oasis",      "ocean",     "orchid",  "oriole",    "osprey",   "otter",    "owl",         "panda",
    "panther",    "pebble",    "pelican", "penguin",   "petrel",   "pheasant", "pine",        "plain",
    "plover",     "pond",      "poplar",  "prairie",   "puffin",   "quail",    "quartz",      "rabbit",
    "rain",       "raven",     "reed",    "reef",      "ridge",    "river",    "robin",       "rook",
    "rowan",      "sable",     "salmon",  "sandpiper", "seal",     "shore",    "shrew",       "skylark",
    "slate",      "snipe",     "sparrow", "spruce",    "squirrel", "starling", "stone",       "stork",
    "stream",     "sturgeon",  "summit",  "swallow",   "swan",     "swift",    "tern",        "thistle",
    "thrush",     "tide",      "timber",  "trout",     "tundra",   "valley",   "violet",      "vole",
    "warbler",    "waterfall", "wave",    "weasel",    "whale",    "willow",   "wolf",        "wombat",
    "woodpecker", "wren",      "yew",     "zebra"};
constexpr uint64_t kNumbers = 1000;

// FNV-1a: what it gives must not change with the program.
uint64_t HashOf(absl::string_view text) {
  uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  return hash ^ (hash >> 32);
}

}  // namespace

std::string NameForId(absl::string_view id) {
  uint64_t rest = HashOf(id);
  const auto take = [&rest](uint64_t count) {
    const uint64_t taken = rest % count;
    rest /= count;
    return taken;
  };
  const absl::string_view adjective = kAdjectives[take(std::size(kAdjectives))];
  const absl::string_view noun = kNouns[take(std::size(kNouns))];
  return absl::StrCat(adjective, "-", noun, "-", take(kNumbers));
}

}  // namespace penstock
