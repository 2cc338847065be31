// Tokenizers.
#include "mmi/text/tokenizer.h"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "bindings.h"
#include "mmi/base/format.h"

namespace mmi::python {
namespace {

using text::AddedToken;
using text::Tokenizer;

// The holder must not be const; what it holds has only const methods.
using Held = std::shared_ptr<Tokenizer>;

Held load(const std::filesystem::path& path) {
  const py::gil_scoped_release unlocked;
  return std::const_pointer_cast<Tokenizer>(text::load_tokenizer(path));
}

}  // namespace

void bind_text(py::module_& m) {
  py::class_<AddedToken>(
      m, "AddedToken", "A token beside the model's own, found in a text before anything else.")
      .def_readonly("content", &AddedToken::content)
      .def_readonly("id", &AddedToken::id)
      .def_readonly("special", &AddedToken::special)
      .def_readonly("single_word", &AddedToken::single_word)
      .def_readonly("lstrip", &AddedToken::lstrip)
      .def_readonly("rstrip", &AddedToken::rstrip)
      .def_readonly("normalized", &AddedToken::normalized)
      .def("__repr__", [](const AddedToken& token) {
        return format("AddedToken({}, id {})", token.content, token.id);
      });
  py::class_<Tokenizer, Held>(m, "Tokenizer", "Text <-> ids of one published vocabulary.")
      .def(
          "encode",
          [](const Tokenizer& tokenizer, const std::string& text, bool add_special) {
            const py::gil_scoped_release unlocked;
            return tokenizer.encode(text, add_special);
          },
          py::arg("text"),
          py::arg("add_special") = true,
          "Ids; with add_special, what the model expects around a text is added.")
      .def(
          "encode_batch",
          [](const Tokenizer& tokenizer,
             const std::vector<std::string>& texts,
             bool add_special,
             int threads) {
            const py::gil_scoped_release unlocked;
            return text::encode_batch(tokenizer, texts, add_special, threads);
          },
          py::arg("texts"),
          py::arg("add_special") = true,
          py::arg("threads") = 1,
          "A list of ids for each text.")
      .def(
          "decode",
          [](const Tokenizer& tokenizer, const std::vector<std::int64_t>& ids, bool skip_special) {
            const py::gil_scoped_release unlocked;
            return tokenizer.decode(ids, skip_special);
          },
          py::arg("ids"),
          py::arg("skip_special") = true,
          "Text; bytes that form no character become U+FFFD.")
      .def_property_readonly(
          "vocab_size",
          &Tokenizer::vocab_size,
          "One more than the highest id: the rows that an embedding needs.")
      .def(
          "token_to_id",
          [](const Tokenizer& tokenizer, const std::string& token) {
            return tokenizer.token_to_id(token);
          },
          py::arg("token"),
          "None where the vocabulary has no such token.")
      .def(
          "id_to_token",
          &Tokenizer::id_to_token,
          py::arg("id"),
          "The token as the file spells it; None for an unused id.")
      .def_property_readonly(
          "added_tokens", &Tokenizer::added_tokens, "Added tokens in the order of their ids.");
  m.def(
      "load_tokenizer",
      &load,
      py::arg("path"),
      "Reads a published tokenizer file, or a folder with one (docs/formats.md).");
  m.def(
      "fit_length",
      &text::fit_length,
      py::arg("ids"),
      py::arg("length"),
      py::arg("pad"),
      py::arg("end") = -1,
      "Exactly `length` ids: padded, or cut with `end` (if not negative) as the last.");
}

}  // namespace mmi::python
