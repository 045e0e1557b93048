package docs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// told is a type of whose fields a section tells. A type can stand in several.
type told struct {
	of reflect.Type
	section
}

// pipelineSections are those of the types that a user meets in a Pipeline or a PipelineRun, and not in a Task or TaskRun,
// and of some that the pages repeat because they behave differently there.
func pipelineSections() []told {
	const pipeline, run = "pipeline.md", "pipelinerun.md"
	return []told{
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

// own are the fields of a type for which its section has to have words: a task that is written out has those of a Task,
// which the page of the Task tells of.
func own(of reflect.Type) []string {
	names := fields(of)
	if of != reflect.TypeFor[v1.EmbeddedTask]() {
		return names
	}
	ofTask := fields(reflect.TypeFor[v1.TaskSpec]())
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(ofTask, name) })
}

// TestEveryFieldOfPipelinesIsDocumented: as TestEveryFieldIsDocumented, for Pipelines and PipelineRuns.
func TestEveryFieldOfPipelinesIsDocumented(t *testing.T) {
	all := sections()
	for _, told := range pipelineSections() {
		all[told.of] = told.section
		has := words(cut(t, told.section))
		for _, name := range own(told.of) {
			if !contained(has, name) {
				t.Errorf("%s, %q, does not tell of the field %s of %s", told.page, told.heading, name, told.of)
			}
		}
	}
	for of := range reachable(reflect.TypeFor[v1.Pipeline](), reflect.TypeFor[v1.PipelineRun]()) {
		if _, ok := all[of]; !ok {
			t.Errorf("no page tells of %s", of)
		}
	}
}

// TestDocumentedFieldsOfPipelinesExist: a field in the first column of a table is one of a type of that page.
func TestDocumentedFieldsOfPipelinesExist(t *testing.T) {
	known := map[string][]string{}
	for _, told := range pipelineSections() {
		known[told.page] = slices.Concat(known[told.page], fields(told.of), inherited(told.of))
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
					t.Errorf("%s tells of a field %s, which nothing there has", page, path)
				}
			}
		}
	}
}

// TestReasonsOfPipelineRunsAreDocumented: whoever looks up a reason of a PipelineRun, or of a task that was skipped, finds
// it in the page.
func TestReasonsOfPipelineRunsAreDocumented(t *testing.T) {
	page := read(t, pagesOfFields+"pipelinerun.md")
	for name, reason := range reasons(t) {
		of := strings.HasPrefix(name, "PipelineRunReason") || strings.HasPrefix(name, "SkipReason")
		if of && !strings.Contains(page, "`"+reason+"`") {
			t.Errorf("pipelinerun.md does not tell of %s, %q", name, reason)
		}
	}
}

// TestFieldsThatAreNotActedOn: what a page says is not acted on yet is still refused.
func TestFieldsThatAreNotActedOn(t *testing.T) {
	const start = "\nNot acted on yet, and refused by name: "
	refused := read(t, root+"/internal/validation/unsupported.go")
	for _, page := range []string{"pipeline.md", "pipelinerun.md"} {
		_, paragraph, ok := strings.Cut(read(t, pagesOfFields+page), start)
		if !ok {
			continue // everything is acted on
		}
		paragraph, _, _ = strings.Cut(paragraph, "\n\n")
		for _, name := range quoted(paragraph) {
			if !strings.Contains(refused, `"`+name+`"`) {
				t.Errorf("%s says that %s is not acted on yet; it is, by internal/validation/unsupported.go: take it out of that paragraph", page, name)
			}
		}
	}
}
