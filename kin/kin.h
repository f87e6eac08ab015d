/* Models from models: with the weights of another, merged, with more experts, with fewer bytes. Public calls are in
 * pdemoe/pdemoe.h. docs/mathematics.md, "Merged weights", "More experts", "Compressed weights". */
#ifndef PDM_KIN_H
#define PDM_KIN_H

#include "predict/predict.h"

#endif
