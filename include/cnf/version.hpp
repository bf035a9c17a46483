// The version of the library; checkpoints record it.
#pragma once

#define CNF_VERSION "0.1.0"
