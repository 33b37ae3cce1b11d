// The one header to include: everything that embergrad offers.
#pragma once

#include <embergrad/engine/build_info.hpp>
#include <embergrad/engine/file.hpp>
#include <embergrad/engine/gradcheck.hpp>
#include <embergrad/engine/ops.hpp>
#include <embergrad/engine/parallel.hpp>
#include <embergrad/io/safetensors.hpp>
#include <embergrad/layers/dropout.hpp>
#include <embergrad/layers/embedding.hpp>
#include <embergrad/layers/init.hpp>
#include <embergrad/layers/linear.hpp>
#include <embergrad/layers/relu.hpp>
#include <embergrad/layers/sequential.hpp>
#include <embergrad/models/ngram_language_model.hpp>
#include <embergrad/models/text_classifier.hpp>
#include <embergrad/models/train_language_model.hpp>
#include <embergrad/optim/adam.hpp>
#include <embergrad/optim/clip.hpp>
#include <embergrad/optim/sgd.hpp>
#include <embergrad/optim/sparse_adam.hpp>
#include <embergrad/text/batch.hpp>
#include <embergrad/text/labelled_text.hpp>
#include <embergrad/text/line_reader.hpp>
#include <embergrad/text/tokenizer.hpp>
#include <embergrad/text/vocabulary.hpp>
