// The version of the library; checkpoints record it.
#pragma once

/// Major, minor, patch.
#define CNF_VERSION "0.2.0"
