/* Feature settings of the command line, for engine.c. */
#ifndef FEATURES_H
#define FEATURES_H

#include "cli.h"

/* Applies the command line's feature settings, or turns all features on. Returns false after a complaint. */
bool apply_features(wrt_config_t *config, bool all);

#endif
