// Package creation completes runs when they are created: it writes the defaults of the installation into them, and the labels
// and annotations by which clients find them. Its functions are pure. The webhook calls them for each new run; the controller
// calls them again for a run that the webhook did not see.
package creation

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
)

// defaultAccount is the service account that Kubernetes gives to pods that name none.
const defaultAccount = "default"

// Settings are what the installation adds to new runs.
type Settings struct {
	// Defaults of ConfigMap config-defaults. They are shared and must not be changed.
	Defaults config.Defaults
	// Release is the version of the controller.
	Release string
}

// TaskRun completes a new TaskRun.
func TaskRun(r *v1.TaskRun, s Settings) {
	timeout(&r.Spec.Timeout, s.Defaults.Timeout)
	account(&r.Spec.ServiceAccountName, s.Defaults)
	r.Spec.PodTemplate = template(r.Spec.PodTemplate, s.Defaults)
	setDefault(&r.Labels, v1.LabelManagedBy, s.Defaults.ManagedBy)
	release(&r.ObjectMeta, s)
}

// PipelineRun completes a new PipelineRun. The labels of its Pipeline are not known yet.
func PipelineRun(r *v1.PipelineRun, s Settings) {
	if r.Spec.Timeouts == nil {
		r.Spec.Timeouts = &v1.Timeouts{}
	}
	timeout(&r.Spec.Timeouts.Pipeline, s.Defaults.Timeout)
	account(&r.Spec.TaskRunTemplate.ServiceAccountName, s.Defaults)
	r.Spec.TaskRunTemplate.PodTemplate = template(r.Spec.TaskRunTemplate.PodTemplate, s.Defaults)
	if label := PipelineLabel(r, ""); label != "" {
		setDefault(&r.Labels, v1.LabelPipeline, label)
	}
	release(&r.ObjectMeta, s)
}

// TaskRunUpdate restores what TaskRun added to the stored run, where the new version of the run leaves it out: who sends the
// manifest of a run again does not mean to change the run. It changes nothing else.
func TaskRunUpdate(r, old *v1.TaskRun, s Settings) {
	r.Spec.Timeout = cmp.Or(r.Spec.Timeout, old.Spec.Timeout)
	r.Spec.ServiceAccountName = cmp.Or(r.Spec.ServiceAccountName, old.Spec.ServiceAccountName)
	restoreTemplate(&r.Spec.PodTemplate, old.Spec.PodTemplate, s.Defaults)
}

// PipelineRunUpdate is TaskRunUpdate for PipelineRuns.
func PipelineRunUpdate(r, old *v1.PipelineRun, s Settings) {
	if old.Spec.Timeouts != nil && old.Spec.Timeouts.Pipeline != nil {
		if r.Spec.Timeouts == nil {
			r.Spec.Timeouts = &v1.Timeouts{}
		}
		r.Spec.Timeouts.Pipeline = cmp.Or(r.Spec.Timeouts.Pipeline, old.Spec.Timeouts.Pipeline)
	}
	after, before := &r.Spec.TaskRunTemplate, &old.Spec.TaskRunTemplate
	after.ServiceAccountName = cmp.Or(after.ServiceAccountName, before.ServiceAccountName)
	restoreTemplate(&after.PodTemplate, before.PodTemplate, s.Defaults)
}

func timeout(t **metav1.Duration, setting time.Duration) {
	if *t == nil {
		*t = &metav1.Duration{Duration: setting}
	}
}

func account(name *string, d config.Defaults) {
	*name = cmp.Or(*name, d.ServiceAccount, defaultAccount)
}

// template adds the installation's pod template to the run's; nil if there is neither.
func template(t *v1.PodTemplate, d config.Defaults) *v1.PodTemplate {
	if d.PodTemplate == nil {
		return t
	}
	merged := pod.MergedTemplate(d.PodTemplate, t)
	return &merged
}

// restoreTemplate adds the installation's pod template again if that makes the stored one.
func restoreTemplate(t **v1.PodTemplate, old *v1.PodTemplate, d config.Defaults) {
	if !equality.Semantic.DeepEqual(*t, old) && equality.Semantic.DeepEqual(template(*t, d), old) {
		*t = old
	}
}
