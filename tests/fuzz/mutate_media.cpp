// Feeds our readers with damaged media files, in processes of a few files each, and counts what
// comes of it. Usage: mutate_media [--count 10000] [--seed 1] [--jobs 2] [--only FORMAT]
// Run it in the repository's root. Exit code 1 when a bar is broken.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"
#include "mmi/io/audio.h"
#include "mmi/io/image.h"
#include "mmi/io/midi.h"
#include "mmi/io/video.h"

namespace {

namespace fs = std::filesystem;
using namespace mmi;
using Bytes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr double kMaxSeconds = 5;
constexpr long kMaxKiB = 512L << 10;
constexpr int kDataError = 10;
constexpr int kOtherError = 11;
const std::vector<std::string> kFormats = {
    "wav", "flac", "mp3", "ogg", "mp4", "mkv", "avi", "png", "jpg", "mid"};

void write_clip(const fs::path& path, io::VideoCodec codec) {
  io::VideoWriterOptions options;
  options.codec = codec;
  options.keyframe_interval = 8;
  options.audio = io::Audio{16000, 1, std::vector<float>(16000, 0.1F)};
  io::VideoWriter writer(path, 64, 48, 25, options);
  for (int t = 0; t < 25; ++t) {
    Bytes frame(64 * 48 * 3);
    for (std::size_t i = 0; i < frame.size(); ++i) {
      frame[i] = static_cast<std::uint8_t>(128 + 80 * std::sin(0.01 * static_cast<double>(i) + t));
    }
    writer.write(frame);
  }
  writer.finish();
}

void write_seeds(const fs::path& folder) {
  const fs::path data = "tests/data/io";
  const std::pair<const char*, const char*> copies[] = {
      {"pcm16.wav", "a.wav"},
      {"extensible.wav", "b.wav"},
      {"noise.flac", "a.flac"},
      {"sound.flac", "b.flac"},
      {"tone.mp3", "a.mp3"},
      {"tone.ogg", "a.ogg"},
      {"levels.mp4", "b.mp4"},
      {"rgb.png", "a.png"},
      {"gray.png", "b.png"},
      {"pretty.mid", "a.mid"},
      {"rough.mid", "b.mid"}};
  for (const auto& [from, to] : copies) {
    fs::copy_file(data / from, folder / to);
  }
  write_clip(folder / "a.mp4", io::VideoCodec::kH264);
  write_clip(folder / "a.mkv", io::VideoCodec::kH264);
  write_clip(folder / "b.mkv", io::VideoCodec::kFfv1);
  write_clip(folder / "a.avi", io::VideoCodec::kFfv1);
  write_clip(folder / "b.avi", io::VideoCodec::kH264);
  write_image(folder / "a.jpg", io::read_image(data / "rgb.png"));
}

/// One to three changes: flipped bits, zeroed, random, removed or copied stretches, a foreign
/// header, a cut.
Bytes mutate(Bytes bytes, const Bytes& other, Rng& rng) {
  for (std::int64_t n_changes = 1 + rng.integer(3); n_changes > 0 && !bytes.empty(); --n_changes) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    // Half of them hit the headers.
    const std::int64_t at =
        rng.integer(rng.integer(2) == 0 ? std::min<std::int64_t>(size, 512) : size);
    const std::int64_t n =
        std::min(1 + rng.integer(1 + std::min<std::int64_t>(size / 4, 4096)), size - at);
    const auto begin = bytes.begin() + at;
    switch (rng.integer(8)) {
      case 0:
      case 1:
        for (std::int64_t i = 1 + rng.integer(16); i > 0; --i) {
          const std::int64_t place = std::min(at + rng.integer(64), size - 1);
          bytes[static_cast<std::size_t>(place)] ^= static_cast<std::uint8_t>(1 << rng.integer(8));
        }
        break;
      case 2:
        std::fill_n(begin, n, std::uint8_t{0});
        break;
      case 3:
        std::generate_n(begin, n, [&] { return static_cast<std::uint8_t>(rng.integer(256)); });
        break;
      case 4:
        bytes.erase(begin, begin + n);
        break;
      case 5: {
        const auto from = bytes.begin() + rng.integer(size - n + 1);
        const Bytes piece(from, from + n);
        std::copy(piece.begin(), piece.end(), begin);
        break;
      }
      case 6: {
        const auto header = std::min<std::int64_t>(
            1 + rng.integer(256),
            std::min<std::int64_t>(size, static_cast<std::int64_t>(other.size())));
        std::copy_n(other.begin(), header, bytes.begin());
        break;
      }
      default:
        bytes.resize(static_cast<std::size_t>(at));
    }
  }
  return bytes;
}

void decode(const fs::path& path, const std::string& kind, io::OnError on_error) {
  if (kind == "png" || kind == "jpg") {
    io::read_image(path);
  } else if (kind == "mid") {
    io::read_midi(path);
  } else {
    if (kind == "mp4" || kind == "mkv" || kind == "avi") {
      io::VideoOptions options;
      options.on_error = on_error;
      io::VideoReader reader(path, options);
      for (io::VideoFrame frame; reader.next(frame);) {
      }
      if (!reader.info().has_audio) {
        return;
      }
    }
    io::AudioReadOptions options;
    options.on_error = on_error;
    io::read_audio(path, options);
  }
}

/// What became of one file; a process that dies sends none for its last file.
struct Outcome {
  int code;
  double seconds;
  long peak_kib;
};

/// The peak since the last call, of this process.
long take_peak_kib() {
  long peak = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) {
      peak = std::strtol(line.c_str() + 6, nullptr, 10);
    }
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return peak;
}

int try_file(
    const fs::path& path, const Bytes& bytes, const std::string& kind, io::OnError on_error) {
  try {
    std::ofstream(path, std::ios::binary)
        .write(
            reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
    decode(path, kind, on_error);
    return 0;
  } catch (const DataError&) {
    return kDataError;
  } catch (...) {
    return kOtherError;
  }
}

struct Counts {
  std::int64_t ok = 0;
  std::int64_t data_error = 0;
  std::int64_t other = 0;
  std::int64_t crash = 0;
  std::int64_t slow = 0;
  std::int64_t large = 0;
  double longest_s = 0;
  long most_kib = 0;

  bool broken() const {
    return other + crash + slow + large > 0;
  }
};

/// Files begin <= number < end of a kind, in one process.
struct Job {
  std::string kind;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  int slot = 0;
  int pipe = -1;
};

constexpr std::int64_t kFilesOfAProcess = 25;
constexpr io::OnError kPolicies[] = {io::OnError::kRaise, io::OnError::kSkip, io::OnError::kPad};

/// What file `number` of a kind holds and how it is read.
Bytes file_of(
    const std::map<std::string, std::vector<Bytes>>& seeds,
    const std::string& kind,
    std::int64_t number,
    std::uint64_t seed) {
  Rng rng(
      seed * 1'000'003 + static_cast<std::uint64_t>(number) * 16 +
      static_cast<std::uint64_t>(
          std::find(kFormats.begin(), kFormats.end(), kind) - kFormats.begin()));
  const auto& own = seeds.at(kind);
  const auto& others = seeds.at(
      kFormats[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(kFormats.size())))]);
  return mutate(own[static_cast<std::size_t>(number) % own.size()], others.front(), rng);
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t count = 10'000;
  std::uint64_t seed = 1;
  int jobs = 2;
  std::string only;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--count") {
      count = std::strtoll(argv[i + 1], nullptr, 10);
    } else if (flag == "--seed") {
      seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (flag == "--jobs") {
      jobs = std::atoi(argv[i + 1]);
    } else if (flag == "--only") {
      only = argv[i + 1];
    }
  }
  const fs::path base = fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
  const fs::path folder = base / format("mmi-mutate-{}", static_cast<std::int64_t>(::getpid()));
  fs::create_directories(folder / "seeds");
  // Made by a child, so that no library has threads here, which a fork would lose.
  if (const pid_t maker = ::fork(); maker == 0) {
    write_seeds(folder / "seeds");
    std::_Exit(0);
  }
  int status = 0;
  ::wait(&status);
  std::map<std::string, std::vector<Bytes>> seeds;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder / "seeds")) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    seeds[file.extension().string().substr(1)].push_back(read_bytes(file));
  }
  if (status != 0 || seeds.size() != kFormats.size()) {
    std::fprintf(stderr, "the files to begin with could not be made; run in the repository\n");
    return 2;
  }

  std::map<std::string, Counts> table;
  std::map<pid_t, Job> running;
  std::vector<int> free_slots;
  for (int slot = 0; slot < jobs; ++slot) {
    free_slots.push_back(slot);
  }
  std::vector<Job> todo;
  for (const std::string& kind : kFormats) {
    for (std::int64_t i = 0; i < count && (only.empty() || only == kind); i += kFilesOfAProcess) {
      todo.push_back({kind, i, std::min(i + kFilesOfAProcess, count)});
    }
  }
  std::reverse(todo.begin(), todo.end());

  const auto start = [&](Job job) {
    job.slot = free_slots.back();
    free_slots.pop_back();
    int ends[2] = {-1, -1};
    MMI_ASSERT(::pipe(ends) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const rlimit memory{6UL << 30, 6UL << 30};
      const rlimit core{0, 0};
      ::setrlimit(RLIMIT_AS, &memory);
      ::setrlimit(RLIMIT_CORE, &core);
      ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
      take_peak_kib();
      for (std::int64_t i = job.begin; i < job.end; ++i) {
        const Bytes bytes = file_of(seeds, job.kind, i, seed);
        const auto begun = Clock::now();
        ::alarm(static_cast<unsigned>(kMaxSeconds) + 3);
        const fs::path path = folder / format("{}.{}", job.slot, job.kind);
        Outcome outcome{try_file(path, bytes, job.kind, kPolicies[i % 3]), 0, 0};
        outcome.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
        outcome.peak_kib = take_peak_kib();
        if (::write(ends[1], &outcome, sizeof outcome) != sizeof outcome) {
          std::_Exit(1);
        }
      }
      std::_Exit(0);
    }
    ::close(ends[1]);
    job.pipe = ends[0];
    running[pid] = job;
  };

  const auto count_outcome = [&](const Job& job, std::int64_t number, const Outcome& outcome) {
    Counts& counts = table[job.kind];
    const bool crashed = outcome.code < 0;
    const bool slow = outcome.seconds > kMaxSeconds;
    const bool large = outcome.peak_kib > kMaxKiB;
    counts.ok += outcome.code == 0 ? 1 : 0;
    counts.data_error += outcome.code == kDataError ? 1 : 0;
    counts.other += outcome.code == kOtherError ? 1 : 0;
    counts.crash += crashed ? 1 : 0;
    counts.slow += slow ? 1 : 0;
    counts.large += large ? 1 : 0;
    counts.longest_s = std::max(counts.longest_s, outcome.seconds);
    counts.most_kib = std::max(counts.most_kib, outcome.peak_kib);
    if (crashed || slow || large || outcome.code == kOtherError) {
      const fs::path kept = format("build/mutate/{}-{}.{}", job.kind, number, job.kind);
      fs::create_directories(kept.parent_path());
      atomic_write(kept, file_of(seeds, job.kind, number, seed));
      const char* const policies[] = {"raise", "skip", "pad"};
      std::printf(
          "%s (on_error %s): result %d, %.1f s, %ld MiB\n",
          kept.c_str(),
          policies[number % 3],
          outcome.code,
          outcome.seconds,
          outcome.peak_kib >> 10);
    }
  };

  while (!todo.empty() || !running.empty()) {
    if (!todo.empty() && !free_slots.empty()) {
      const Job job = todo.back();
      todo.pop_back();
      start(job);
      continue;
    }
    const pid_t pid = ::wait(&status);
    Job job = running.at(pid);
    running.erase(pid);
    free_slots.push_back(job.slot);
    Outcome outcome{};
    while (::read(job.pipe, &outcome, sizeof outcome) == sizeof outcome) {
      count_outcome(job, job.begin++, outcome);
    }
    ::close(job.pipe);
    if (job.begin < job.end) {
      const bool alarmed = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
      const int code = WIFSIGNALED(status) ? -WTERMSIG(status) : -1;
      count_outcome(
          job, job.begin++, alarmed ? Outcome{1, kMaxSeconds + 3, 0} : Outcome{code, 0, 0});
      if (job.begin < job.end) {
        todo.push_back(job);
      }
    }
  }
  fs::remove_all(folder);

  bool broken = false;
  std::printf("format      ok  DataError  other  crash  > 5 s  > 512 MiB  longest    most\n");
  for (const auto& [kind, c] : table) {
    std::printf(
        "%-6s %7ld  %9ld  %5ld  %5ld  %5ld  %9ld  %5.2f s  %3ld MiB\n",
        kind.c_str(),
        c.ok,
        c.data_error,
        c.other,
        c.crash,
        c.slow,
        c.large,
        c.longest_s,
        c.most_kib >> 10);
    broken = broken || c.broken();
  }
  return broken ? 1 : 0;
}
