package taskrun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// permitted checks what the settings forbid, again after admission: the webhooks may have been unavailable, a setting may be
// newer than the run, and the name of an environment variable may come from a param. Prepared is the run with its pod
// template substituted, without the pod template of the settings.
func permitted(prepared *v1.TaskRun, limits validation.Limits) error {
	return validation.TaskRunPolicy(prepared, limits).ToAggregate()
}
