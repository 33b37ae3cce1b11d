// Keeps the best weights so far on disk while training runs, so that whatever ends it leaves them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace examples {

/// The folder of --save, or none.
class ModelKeeper {
public:
    /// Makes the folder, if a name is given; better now than after the training. `write` puts the model as it is then
    /// into a folder. Throws std::runtime_error unless files can be written there.
    ModelKeeper(std::filesystem::path folder, std::function<void(const std::filesystem::path&)> write);

    /// After an epoch. What fails is told on standard error and tried again by finish().
    void save();
    /// In the first epoch: what was there before, which had more training, stays.
    void save_unfinished();
    /// Whether the model of this run is on disk.
    bool saved() const { return saved_; }
    /// Says where the model is (`use`, such as "ask it", with --load), or why it is not saved. Throws
    /// std::runtime_error if the best weights still cannot be saved.
    void finish(const std::string& use);

private:
    std::filesystem::path folder_;
    std::function<void(const std::filesystem::path&)> write_;
    bool occupied_ = false;  // by a model of an earlier run
    bool saved_ = false;
    bool failed_ = false;
};

}  // namespace examples
