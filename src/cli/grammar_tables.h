#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "cli/grammar.h"

/// The verbs, their flags and what people type instead; included by grammar.cpp only.
namespace mmi::cli {

constexpr std::string_view kStart = "Start here";
constexpr std::string_view kModels = "Models";
constexpr std::string_view kLook = "Configurations and parts";
constexpr std::string_view kTools = "Tools of one system";
constexpr std::string_view kFiles = "Runs, data and files";

constexpr std::array kGlobalFlags = {
    Flag{"-h, --help", "", "Print this page, or the page of a verb."},
    Flag{"--version", "", "Print the version."},
    Flag{"--json", "", "Results as one JSON document on stdout, for machines."},
    Flag{"--quiet", "", "Only warnings and errors on stderr."},
    Flag{
        "--import",
        "PKG",
        "Import a Python package first, so that the datasets and modules it registers can be named "
        "in YAML. May be repeated; runs the verb in Python."},
};

constexpr std::array kTrainFlags = {
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
    Flag{"--again", "", "Train although a finished run with this configuration exists."},
    Flag{
        "--resume",
        "auto|DIR",
        "Where an interrupted run continues: at its newest intact checkpoint (auto), or at this "
        "one. Default: auto"},
    Flag{
        "--dry-run",
        "",
        "Try two steps on the first batches and print shapes, losses, time and memory; nothing is "
        "written."},
};
constexpr std::array kEvalFlags = {
    Flag{"--split", "valid|test", "Which part of the data. Default: test"},
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
};
constexpr std::array kGenerateFlags = {
    Flag{"--input", "FILE", "The clip or picture to start from. Required."},
    Flag{
        "--out",
        "STEM",
        "Files are named STEM.mid, STEM.wav, … Default: in the run's samples folder."},
    Flag{
        "--crop",
        "auto|none|x1,y1,x2,y2",
        "The region of the frame that matters (for a piano: its keyboard), in pixels of the input; "
        "none: all of it. Default: auto, which looks for the keyboard, and takes all of a picture "
        "that is a keyboard crop already (7.5 times as wide as high, or more)"},
    Flag{
        "--program",
        "NAME",
        "The General MIDI instrument that plays, for example \"Acoustic Grand Piano\"."},
    Flag{"--truth", "FILE.mid", "What is really played, to compare with in the picture."},
    Flag{
        "--on-error",
        "raise|pad",
        "A damaged input is refused, or its last good frame stands in for what cannot be read. "
        "Default: raise"},
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
};
constexpr std::array kExportFlags = {
    Flag{"--out", "DIR", "The folder to write. Required."},
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
};
constexpr std::array kRunsFlags = {
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
};
constexpr std::array kDataFlags = {
    Flag{
        "--out",
        "DIR",
        "make: the folder to write, a new one or one that was interrupted, which is finished; "
        "required. check: a folder for pictures and sound of the samples."},
    Flag{"--all", "", "check: decode every example, not a seeded choice of at most 200."},
};
constexpr std::array kTableFlags = {
    Flag{"--preset", "NAME", "The size of every row: smoke, small, gpu or paper. Default: small"},
    Flag{"--rows", "A,B", "Only these rows. Default: all that can be run"},
    Flag{"--seeds", "N", "Trainings of each row, with seeds 1 to N. Default: 3"},
    Flag{"--jobs", "N", "Trainings at a time; they share the cores. Default: 1"},
    Flag{"--data", "DIR", "The real dataset in its published layout, instead of the world."},
    Flag{"--out", "DIR", "Where the table is written. Default: docs/results"},
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
    Flag{"--list", "", "All tables of the thesis and their state."},
};
constexpr std::array kToolFlags = {
    Flag{"--out", "PATH", "The file or folder to write. Default: the tool's own"},
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
};
constexpr std::array kLmFlags = {
    Flag{"--prompt", "TEXT", "What the text begins with."},
    Flag{"--out", "PATH", "The folder to write, for a tool that writes one."},
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
};
constexpr std::array kConvertFlags = {
    Flag{"--out", "FILE", "The file to write. Default: beside the input, with the new extension."},
};
constexpr std::array kQuickstartFlags = {
    Flag{"--out", "DIR", "Where runs, sound, pictures and the report go. Default: quickstart"},
};

constexpr std::array kDemoFlags = {
    Flag{"--out", "DIR", "Where clip, sound, pictures and the page go. Default: demo"},
    Flag{"--program", "NAME", "The General MIDI instrument that plays. Default: grand piano"},
};
constexpr std::array kReportFlags = {
    Flag{"--input", "FILE", "With two runs: what both are given, to be heard side by side."},
    Flag{"--out", "FILE.html", "With two runs: the page. Default: compare_<B>.html in run A"},
    Flag{"--runs", "DIR", "Where runs are kept. Default: runs"},
};

constexpr std::array kVerbs = {
    Verb{
        "demo",
        kStart,
        "Hear trained networks play a silent piano video, without training",
        "demo [--out DIR] [--program NAME]",
        "Networks that come with libmmi (Audeo's Video2Roll and Roll2Midi at the size `small`,\n"
        "4 MB) watch a silent clip of a real composition. Writes the clip, the notes, the sound,\n"
        "pictures and a page with all of it; takes less than a minute.",
        kDemoFlags,
        "mmi demo\n"
        "mmi demo --out /tmp/heard --program violin",
        false},
    Verb{
        "quickstart",
        kStart,
        "Train a small silent-piano system and hear it play an unseen piece",
        "quickstart [--out DIR]",
        "Makes a small piano world, trains the whole chain on it (about ten minutes on two\n"
        "cores), then lets it watch a silent clip of a real composition and play what it saw.\n"
        "Ends with a table of scores and the path of a report page with players and pictures.\n"
        "What is already trained is reused.",
        kQuickstartFlags,
        "mmi quickstart\n"
        "mmi quickstart --out /tmp/first",
        false},
    Verb{
        "train",
        kModels,
        "Train a system, or one stage of it, from a YAML file",
        "train <cfg.yaml> [key=value …] [--runs DIR] [--again] [--resume DIR] [--dry-run]",
        "Trains what the file describes and prints the path of the finished run. Stages it needs\n"
        "are found in the run store, or trained first. A run is named by its configuration: if\n"
        "it is already finished, its path is printed and nothing is trained (--again trains\n"
        "anew); if it was interrupted, the same command continues it.\n"
        "Ctrl-C finishes the current step, saves, and exits with 130.\n"
        "Several processes: torchrun --nproc-per-node 2 -m mmi train <cfg.yaml>; each takes its\n"
        "own batches, and the gradients are averaged.",
        kTrainFlags,
        "mmi train configs/audeo/video2roll.yaml\n"
        "mmi train configs/audeo/video2roll.yaml preset=smoke train.max_steps=100\n"
        "mmi train configs/audeo/video2roll.yaml --dry-run preset=paper\n"
        "mmi train my.yaml --import my_package",
        false},
    Verb{
        "eval",
        kModels,
        "Score a run or a bundle on a split",
        "eval <run|bundle> [--split valid|test] [--json]",
        "Prints the metrics of the system's task. Thresholds come from the validation split,\n"
        "never from the split that is scored. A run is named by its folder, or by the first\n"
        "characters of its id.",
        kEvalFlags,
        "mmi eval runs/audeo/video2roll-3f9a12\n"
        "mmi eval 3f9a12 --split valid --json",
        false},
    Verb{
        "generate",
        kModels,
        "Give a trained system an input; get music, sound, video and pictures",
        "generate <run|bundle> --input FILE [--out STEM] [--crop x1,y1,x2,y2] [--program NAME]",
        "For a piano video: writes the notes (.mid), the sound (.wav), the clip with the new\n"
        "sound (.mp4) and a picture of the piano roll (.png), and prints their paths.",
        kGenerateFlags,
        "mmi generate runs/audeo/roll2midi-81c0de --input clip.mp4\n"
        "mmi generate bundle/ --input clip.mp4 --crop 0,220,1280,420 --out /tmp/played",
        false},
    Verb{
        "table",
        kModels,
        "Reproduce a table of the thesis, ours beside the paper's",
        "table <number|file.yaml> [--preset NAME] [--seeds N] [--jobs N] [key=value …]",
        "Trains what is missing, scores every row on every item of the test split, judges\n"
        "the claims of the paper by a paired bootstrap over items and seeds, and writes the\n"
        "table as .md, .csv, .json and .svg, and index.html over all tables. Finished runs\n"
        "are reused: a table that was stopped continues where it was.",
        kTableFlags,
        "mmi table 3.1 --preset smoke --seeds 1\n"
        "mmi table 3.1 --jobs 2\n"
        "mmi table 3.1 --rows \"ResNet,Video2Roll (TS 0.4)\"\n"
        "mmi table --list",
        false},
    Verb{
        "report",
        kModels,
        "Write the HTML report page of a run, or of two beside each other",
        "report <run> [run] [--input FILE] [--out FILE.html]",
        "One static page: configuration, learning curves, scores, pictures and players. Opens\n"
        "from disk in any browser and loads nothing from elsewhere. With two runs: how their\n"
        "configurations differ, their curves in one picture, their scores side by side, and what\n"
        "both made of the same inputs (samples of one name, and --input).",
        kReportFlags,
        "mmi report 3f9a12\n"
        "mmi report 3f9a12 81c0de --input clip.mp4",
        false},
    Verb{
        "export",
        kModels,
        "Write a run, with the runs it needs, as a folder to give away",
        "export <run> --out DIR",
        "The folder (a bundle) holds the weights as safetensors, the configuration and a\n"
        "pipeline.json. `eval` and `generate` take it in place of a run; mmi.load() in Python\n"
        "and C++ programs read it too.",
        kExportFlags,
        "mmi export 3f9a12 --out bundle",
        false},
    Verb{
        "config",
        kLook,
        "Show, compare or explain configurations",
        "config show|diff|reference <cfg.yaml> [key=value …]",
        "  show       The complete tree after presets and overrides. It is a valid file itself.\n"
        "  diff       Only what differs from the defaults; with a second .yaml: between the two.\n"
        "  reference  Every field with its type, range, default and meaning.",
        {},
        "mmi config show configs/audeo/video2roll.yaml preset=smoke\n"
        "mmi config diff a.yaml b.yaml\n"
        "mmi config reference configs/audeo/video2roll.yaml",
        false},
    Verb{
        "list",
        kLook,
        "List what can be named in YAML: datasets, encoders, tasks, …",
        "list [kind | slots [system]]",
        "Without an argument: all kinds and their entries, each with one line. `slots` names the\n"
        "places in a system where a part can be swapped by one YAML line.",
        {},
        "mmi list\n"
        "mmi list encoders\n"
        "mmi list lms\n"
        "mmi list slots audeo",
        false},
    Verb{
        "info",
        kLook,
        "Versions, devices, threads and what this build contains",
        "info [--json]",
        "What to paste into a bug report.",
        {},
        "mmi info\n"
        "mmi info --json",
        false},
    Verb{
        "runs",
        kFiles,
        "List, measure or remove runs",
        "runs list|du|rm [run …] [--runs DIR]",
        "  list  One line a run: id, configuration, state, last score.\n"
        "  du    Bytes on disk, a run a line.\n"
        "  rm    Removes the named runs; refuses one that another run needs.",
        kRunsFlags,
        "mmi runs list\n"
        "mmi runs rm 3f9a12",
        false},
    Verb{
        "data",
        kFiles,
        "Check the data of a configuration, or write a procedural dataset to disk",
        "data make|check <cfg.yaml> [--out DIR] [--all] [key=value …]",
        "  make   Renders the dataset that the file describes in the layout of its published\n"
        "         original. The folder can be read back by the reader of that dataset, or by\n"
        "         other people's code.\n"
        "  check  For every dataset of the file: size, fingerprint, three decoded examples "
        "(names,\n"
        "         types, shapes, ranges) and every problem found. With --out also a picture sheet\n"
        "         (.png) and sound (.wav). Exits with 3 when there are problems.",
        kDataFlags,
        "mmi data make configs/audeo/video2roll.yaml --out /tmp/piano preset=smoke\n"
        "mmi data check configs/audeo/video2roll.yaml preset=smoke\n"
        "mmi data check my.yaml --import my_package --all --out /tmp/samples --json",
        false},
    Verb{
        "convert",
        kFiles,
        "Turn a published checkpoint or pickle into files that hold no code",
        "convert <file.pth|file.pkl|folder> [--out FILE|FOLDER]",
        "Weights (.pth, .pt, .ckpt, .th, .bin) become .safetensors with the same keys, those of\n"
        "codecs a folder with config.json; folders of transformers keep all but their pickles.\n"
        "Arrays and labels (.pkl) become a .npz or .json of the same name, where the readers look\n"
        "for it. Pickles are opened with a loader that knows only tensors, arrays and plain\n"
        "containers.",
        kConvertFlags,
        "mmi convert video2roll.pth\n"
        "mmi convert audiogen-medium/compression_state_dict.bin --out codec/model.safetensors\n"
        "mmi convert vicuna-7b --out vicuna-7b-safe\n"
        "mmi convert labels.pkl --out labels.npz",
        true},
    Verb{
        "audeo",
        kTools,
        "Piano videos: identify, transcribe, prepare recordings, …",
        "audeo <tool> [input …] [--out PATH] [setting=value …]",
        "Without a tool: all of them, a line each. `mmi audeo <tool> --help` explains a tool and\n"
        "its settings; what it finds is printed, what it writes is listed.",
        kToolFlags,
        "mmi audeo\n"
        "mmi audeo identify --help",
        false,
        true},
    Verb{
        "codec",
        kTools,
        "Neural codecs: sound to tokens and back",
        "codec <tool> [input …] [--out PATH] [setting=value …]",
        "Without a tool: all of them, a line each. `mmi codec <tool> --help` explains a tool and\n"
        "its settings. Files may be hours long; tokens are .npz or .npy files, (T,K) integers.",
        kToolFlags,
        "mmi codec\n"
        "mmi codec encode speech.wav --out speech.npz weights=encodec_24khz kbps=6\n"
        "mmi codec decode speech.npz --out again.wav weights=encodec_24khz",
        false,
        true},
    Verb{
        "lm",
        kTools,
        "Language models: text from checkpoints of LLaMA, Mistral, Gemma and Qwen",
        "lm <tool> [input …] [--prompt TEXT] [--out PATH] [setting=value …]",
        "Without a tool: all of them, a line each. `mmi lm <tool> --help` explains a tool and\n"
        "its settings. `mmi list lms`: the published sizes.",
        kLmFlags,
        "mmi lm\n"
        "mmi lm generate llama-7b-hf --prompt \"The sound of rain\" dtype=int8\n"
        "mmi lm publish runs/lm/causal-0123456789ab --out my_model",
        false,
        true},
    Verb{
        "rooms",
        kTools,
        "Rooms: impulse responses, depth, maps and measures of scenes",
        "rooms <tool> [input …] [--out PATH] [setting=value …]",
        "Without a tool: all of them, a line each. `mmi rooms <tool> --help` explains a tool and\n"
        "its settings; what it finds is printed, what it writes is listed. Scenes are Wavefront\n"
        "files (.obj) or descriptions (.yaml), see configs/xrir/rooms.",
        kToolFlags,
        "mmi rooms\n"
        "mmi rooms check configs/xrir/rooms/living_room.yaml\n"
        "mmi rooms simulate configs/xrir/rooms/living_room.yaml --out rir.wav \\\n"
        "  source=[1,1,1.5] receiver=[4.5,2.5,1.2]",
        false,
        true},
    Verb{
        "xrir",
        kTools,
        "xRIR: maps of rooms that a trained run never heard",
        "xrir <tool> [input …] [--out PATH] [setting=value …]",
        "Without a tool: all of them, a line each. `mmi xrir <tool> --help` explains a tool and\n"
        "its settings; what it finds is printed, what it writes is listed.",
        kToolFlags,
        "mmi xrir\n"
        "mmi xrir map runs/xrir/xrir-0123456789ab --out map room=3 measure=c50_db",
        false,
        true},
};

constexpr std::array kSynonyms = {
    std::pair<std::string_view, std::string_view>{"test", "eval"},
    std::pair<std::string_view, std::string_view>{"score", "eval"},
    std::pair<std::string_view, std::string_view>{"predict", "generate"},
    std::pair<std::string_view, std::string_view>{"infer", "generate"},
    std::pair<std::string_view, std::string_view>{"fit", "train"},
    std::pair<std::string_view, std::string_view>{"resume", "train"},
    std::pair<std::string_view, std::string_view>{"ls", "list"},
};

}  // namespace mmi::cli
