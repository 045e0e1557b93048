package trust

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

type pipelineSpec struct {
	DisplayName string                            `json:"displayName,omitempty"`
	Description string                            `json:"description,omitempty"`
	Tasks       []pipelineTask                    `json:"tasks,omitempty"`
	Params      []paramSpec                       `json:"params,omitempty"`
	Workspaces  []v1.PipelineWorkspaceDeclaration `json:"workspaces,omitempty"`
	Results     []pipelineResult                  `json:"results,omitempty"`
	Finally     []pipelineTask                    `json:"finally,omitempty"`
}

type pipelineResult struct {
	Name        string       `json:"name"`
	Type        v1.ValueType `json:"type,omitempty"`
	Description string       `json:"description"`
	Value       v1.Value     `json:"value"`
}

type pipelineTask struct {
	Name         string                            `json:"name,omitempty"`
	DisplayName  string                            `json:"displayName,omitempty"`
	Description  string                            `json:"description,omitempty"`
	TaskRef      *taskRef                          `json:"taskRef,omitempty"`
	TaskSpec     *embeddedTask                     `json:"taskSpec,omitempty"`
	When         []v1.WhenExpression               `json:"when,omitempty"`
	Retries      int                               `json:"retries,omitempty"`
	RunAfter     []string                          `json:"runAfter,omitempty"`
	Params       []v1.Param                        `json:"params,omitempty"`
	Matrix       *v1.Matrix                        `json:"matrix,omitempty"`
	Workspaces   []v1.WorkspacePipelineTaskBinding `json:"workspaces,omitempty"`
	Timeout      *metav1.Duration                  `json:"timeout,omitempty"`
	PipelineRef  *reference                        `json:"pipelineRef,omitempty"`
	PipelineSpec *pipelineSpec                     `json:"pipelineSpec,omitempty"`
	OnError      string                            `json:"onError,omitempty"`
}

type taskRef struct {
	Name       string     `json:"name,omitempty"`
	Kind       string     `json:"kind,omitempty"`
	APIVersion string     `json:"apiVersion,omitempty"`
	Resolver   string     `json:"resolver,omitempty"`
	Params     []v1.Param `json:"params,omitempty"`
}

// embeddedTask is a task that a pipeline contains. Its spec, which is for custom tasks, is null if there is none.
type embeddedTask struct {
	APIVersion string                  `json:"apiVersion,omitempty"`
	Kind       string                  `json:"kind,omitempty"`
	Spec       json.RawMessage         `json:"spec"`
	Metadata   v1.PipelineTaskMetadata `json:"metadata"`

	taskFields `json:",inline"`
}

// taskFields are those of taskSpec, without its methods.
type taskFields taskSpec
