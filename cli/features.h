/* What the command line says about features, for engine.c. */
#ifndef FEATURES_H
#define FEATURES_H

#include "cli.h"

/* The features of the command line, or all. False after a complaint. */
bool apply_features(wrt_config_t *config, bool all);

#endif
