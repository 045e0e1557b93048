package docs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// described is a type whose fields a section describes. Several sections can describe the same type.
type described struct {
	of reflect.Type
	section
}

// pipelineSections are those of the types in a Pipeline or a PipelineRun, but not in a Task or TaskRun. They include some
// types that the pages repeat because they behave differently there.
func pipelineSections() []described {
	const pipeline, run = "pipeline.md", "pipelinerun.md"
	return []described{
		{of: reflect.TypeFor[v1.Pipeline](), section: section{pipeline, "### The Pipeline"}},
		{of: reflect.TypeFor[v1.PipelineSpec](), section: section{pipeline, "### The Pipeline"}},
		{of: reflect.TypeFor[v1.ParamSpec](), section: section{pipeline, "### Params"}},
		{of: reflect.TypeFor[v1.PropertySpec](), section: section{pipeline, "### Params"}},
		{of: reflect.TypeFor[v1.PipelineWorkspaceDeclaration](), section: section{pipeline, "### Workspaces"}},
		{of: reflect.TypeFor[v1.PipelineTask](), section: section{pipeline, "### Tasks"}},
		{of: reflect.TypeFor[v1.WorkspacePipelineTaskBinding](), section: section{pipeline, "### Tasks"}},
		{of: reflect.TypeFor[v1.TaskRef](), section: section{pipeline, "### taskRef"}},
		{of: reflect.TypeFor[v1.EmbeddedTask](), section: section{pipeline, "### taskSpec"}},
		{of: reflect.TypeFor[v1.PipelineTaskMetadata](), section: section{pipeline, "### taskSpec"}},
		{of: reflect.TypeFor[v1.WhenExpression](), section: section{pipeline, "### When"}},
		{of: reflect.TypeFor[v1.Matrix](), section: section{pipeline, "### Matrix"}},
		{of: reflect.TypeFor[v1.MatrixInclude](), section: section{pipeline, "### Matrix"}},
		{of: reflect.TypeFor[v1.PipelineResult](), section: section{pipeline, "### Results"}},
		{of: reflect.TypeFor[v1.PipelineRun](), section: section{run, "### The run"}},
		{of: reflect.TypeFor[v1.PipelineRunSpec](), section: section{run, "### The run"}},
		{of: reflect.TypeFor[v1.PipelineTaskRunTemplate](), section: section{run, "### The run"}},
		{of: reflect.TypeFor[v1.Param](), section: section{run, "### The run"}},
		{of: reflect.TypeFor[v1.PipelineRef](), section: section{run, "### pipelineRef"}},
		{of: reflect.TypeFor[v1.WorkspaceBinding](), section: section{run, "### Workspaces"}},
		{of: reflect.TypeFor[v1.PipelineTaskRunSpec](), section: section{run, "### taskRunSpecs"}},
		{of: reflect.TypeFor[v1.Timeouts](), section: section{run, "### Timeouts"}},
		{of: reflect.TypeFor[v1.PipelineRunStatus](), section: section{run, "## Status"}},
		{of: reflect.TypeFor[v1.PipelineRunResult](), section: section{run, "## Status"}},
		{of: reflect.TypeFor[v1.ChildReference](), section: section{run, "## Status"}},
		{of: reflect.TypeFor[v1.SkippedTask](), section: section{run, "## Status"}},
		{of: reflect.TypeFor[v1.Provenance](), section: section{run, "## Status"}},
		{of: reflect.TypeFor[v1.RefSource](), section: section{run, "## Status"}},
		{of: reflect.TypeFor[v1.FeatureFlags](), section: section{run, "## Status"}},
	}
}

// own returns the fields of a type that its section must describe. An embedded task has the fields of a Task, which the page
// of the Task describes.
func own(of reflect.Type) []string {
	names := fields(of)
	if of != reflect.TypeFor[v1.EmbeddedTask]() {
		return names
	}
	ofTask := fields(reflect.TypeFor[v1.TaskSpec]())
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(ofTask, name) })
}

// TestEveryFieldOfPipelinesIsDocumented is TestEveryFieldIsDocumented for Pipelines and PipelineRuns.
func TestEveryFieldOfPipelinesIsDocumented(t *testing.T) {
	all := sections()
	for _, described := range pipelineSections() {
		all[described.of] = described.section
		has := words(cut(t, described.section))
		for _, name := range own(described.of) {
			if !contained(has, name) {
				t.Errorf("%s, %q, does not describe the field %s of %s", described.page, described.heading, name, described.of)
			}
		}
	}
	for of := range reachable(reflect.TypeFor[v1.Pipeline](), reflect.TypeFor[v1.PipelineRun]()) {
		if _, ok := all[of]; !ok {
			t.Errorf("no page describes %s", of)
		}
	}
}

// TestDocumentedFieldsOfPipelinesExist: a field in the first column of a table must be a field of a type of that page.
func TestDocumentedFieldsOfPipelinesExist(t *testing.T) {
	known := map[string][]string{}
	for _, described := range pipelineSections() {
		known[described.page] = slices.Concat(known[described.page], fields(described.of), inherited(described.of))
	}
	for page, names := range known {
		inTable := false
		for line := range strings.Lines(read(t, pagesOfFields+page)) {
			inTable = strings.HasPrefix(line, "| field ") || inTable && strings.HasPrefix(line, "|")
			if !inTable {
				continue
			}
			first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
			for _, path := range quoted(first) {
				if name := path[strings.LastIndex(path, ".")+1:]; !slices.Contains(names, name) {
					t.Errorf("%s describes a field %s, which no type of the page has", page, path)
				}
			}
		}
	}
}

// TestReasonsOfPipelineRunsAreDocumented: the page must explain every reason of a PipelineRun and of a skipped task.
func TestReasonsOfPipelineRunsAreDocumented(t *testing.T) {
	page := read(t, pagesOfFields+"pipelinerun.md")
	for name, reason := range reasons(t) {
		of := strings.HasPrefix(name, "PipelineRunReason") || strings.HasPrefix(name, "SkipReason")
		if of && !strings.Contains(page, "`"+reason+"`") {
			t.Errorf("pipelinerun.md does not explain %s, %q", name, reason)
		}
	}
}
