// Everything that needs only the standard library: specs, shape algebra, composition, models as types. Checks
// and describes any flow, computes nothing. Include cnf/libtorch.hpp or cnf/eigen.hpp to bind and run one.
#pragma once

#include "cnf/compose/repeat.hpp"
#include "cnf/compose/sequential.hpp"
#include "cnf/core/describe.hpp"
#include "cnf/dequantize/continuous.hpp"
#include "cnf/dequantize/uniform.hpp"
#include "cnf/layers/actnorm.hpp"
#include "cnf/layers/additive_coupling.hpp"
#include "cnf/layers/affine_coupling.hpp"
#include "cnf/layers/invconv1x1.hpp"
#include "cnf/layers/permute.hpp"
#include "cnf/layers/prior.hpp"
#include "cnf/layers/split.hpp"
#include "cnf/layers/squeeze.hpp"
#include "cnf/model/conditional_flow.hpp"
#include "cnf/model/factorised_logistic.hpp"
#include "cnf/model/model.hpp"
#include "cnf/nets/conv_net.hpp"
#include "cnf/nets/extractor.hpp"
#include "cnf/nets/rrdb.hpp"
#include "cnf/version.hpp"
