// A program outside the project: opens a trained run and lets it watch a silent clip.
#include <exception>
#include <iostream>

#include "mmi/runs/register.h"
#include "mmi/runs/store.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: consumer RUN CLIP OUTPUT_STEM\n";
    return 2;
  }
  try {
    mmi::register_all();
    const auto run = mmi::runs::open(argv[1], "cpu");
    for (const mmi::Artifact& file : run->task->generate({.input = argv[2], .out = argv[3]})) {
      std::cout << file.path.string() << ": " << file.caption << "\n";
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
