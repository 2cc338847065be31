// The `mmi` command: answers what the static tables know, and hands everything else to libmmi or to
// Python. It links neither, so that a help page costs no library.
#include <dlfcn.h>
#include <glob.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include "cli/grammar.h"

namespace fs = std::filesystem;

namespace {

constexpr int kNotBuilt = 6;

fs::path own_folder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

std::vector<std::string> library_candidates() {
  const fs::path prefix = own_folder().parent_path();
  std::vector<std::string> paths = {prefix / "lib/libmmi.so"};
  glob_t found{};
  const std::string pattern = prefix / "lib/python3.*/site-packages/mmi/lib/libmmi.so";
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    paths.insert(paths.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  paths.emplace_back(MMI_BUILD_LIBRARY);
  return paths;
}

std::string python_program() {
  if (const char* named = std::getenv("MMI_PYTHON"); named != nullptr && *named != '\0') {
    return named;
  }
  const fs::path beside = own_folder() / "python";
  return access(beside.c_str(), X_OK) == 0 ? beside.string() : "python3";
}

int run_python(int argc, char** argv) {
  const std::string python = python_program();
  std::vector<char*> words = {
      const_cast<char*>(python.c_str()), const_cast<char*>("-m"), const_cast<char*>("mmi")};
  words.insert(words.end(), argv + 1, argv + argc);
  words.push_back(nullptr);
  execvp(words[0], words.data());
  std::fprintf(
      stderr,
      "mmi: this needs Python, but %s cannot be started (%s): set MMI_PYTHON to the interpreter "
      "that has mmi installed\n",
      python.c_str(),
      std::strerror(errno));
  return kNotBuilt;
}

int run_library(int argc, char** argv) {
  const std::vector<std::string> paths = library_candidates();
  for (const std::string& path : paths) {
    if (access(path.c_str(), R_OK) != 0) {
      continue;
    }
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
      std::fprintf(
          stderr,
          "mmi: %s cannot be loaded (%s): build or install it again with the torch that is here\n",
          path.c_str(),
          dlerror());
      return kNotBuilt;
    }
    using Main = int (*)(int, char**);
    const auto cli_main = reinterpret_cast<Main>(dlsym(library, "mmi_cli_main"));
    if (cli_main == nullptr) {
      std::fprintf(
          stderr,
          "mmi: %s has no mmi_cli_main: it belongs to another version, build or install it again\n",
          path.c_str());
      return kNotBuilt;
    }
    return cli_main(argc, argv);
  }
  std::string tried;
  for (const std::string& path : paths) {
    tried += (tried.empty() ? "" : ", ") + path;
  }
  std::fprintf(
      stderr,
      "mmi: libmmi.so is missing (looked at %s): build or install mmi again\n",
      tried.c_str());
  return kNotBuilt;
}

bool wants_colour() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0') &&
         terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Every training step takes and frees the same large blocks. Handing them back to the system in
  // between costs page faults: 7 % of a Video2Roll training, a quarter of a spectrogram U-Net's.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const mmi::cli::Invocation call = mmi::cli::parse_invocation(args);
  if (const auto answer = mmi::cli::static_answer(call, MMI_VERSION, wants_colour())) {
    std::fputs(answer->out.c_str(), stdout);
    std::fputs(answer->err.c_str(), stderr);
    return answer->exit_code;
  }
  return call.verb->python || !call.imports.empty() ? run_python(argc, argv)
                                                    : run_library(argc, argv);
}
