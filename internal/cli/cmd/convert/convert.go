// Package convert implements `sluice convert`, which rewrites manifests of earlier versions to the current ones.
package convert

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cmd/convert/rewrite"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options has the arguments of `sluice convert`.
type Options struct {
	Terminal *terminal.Terminal
	// Files are names of files and of folders; "-" is Terminal.In.
	Files []string
	// InPlace writes the files instead of standard output.
	InPlace bool
	// Check writes nothing, and fails if a file would change.
	Check bool
}

// command is the name of the command in messages.
const command = "sluice convert"

// NewCommand returns the command `sluice convert`.
func NewCommand(t *terminal.Terminal) *cobra.Command {
	o := &Options{Terminal: t}
	c := &cobra.Command{
		Use:   "convert FILE...",
		Short: "Rewrite manifests of v1beta1 to v1",
		Long: `Reads files and folders, and rewrites the objects of earlier versions of tekton.dev to the versions that Sluice stores: Task,
Pipeline, TaskRun and PipelineRun to v1. It reads files with several documents, items of a List, and the runs in a
TriggerTemplate. Other objects stay as they are.

It edits only the places that differ. Comments, order, anchors, quotation marks and blocks of text stay as they are. Standard
output gets all files, also those that need no change, unless --in-place writes the files that change.

Each change is reported with file, line, column and path. A field without a counterpart in v1, a kind or a version that no rule
converts, and a template that is not YAML before it is rendered, are reported as errors. If there is an error, no file is
written.

Exit status: 0 all objects have the current version, 1 with --check a file would change, 2 something could not be converted.`,
		Example: `  sluice convert task.yaml > task.v1.yaml
  sluice convert -i tekton/                 # all *.yaml and *.yml below a folder
  sluice convert --check tekton/            # in CI
  kubectl get pipelines.v1beta1.tekton.dev -o yaml | sluice convert -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Files = args
			return o.Run()
		},
	}
	c.Flags().BoolVarP(&o.InPlace, "in-place", "i", false, "write the files that change, instead of standard output")
	c.Flags().BoolVar(&o.Check, "check", false, "write nothing, and exit with status 1 if a file would change")
	return c
}

// converted is a file and its result.
type converted struct {
	name   string
	before []byte
	rewrite.Result
}

// Run converts the files.
func (o *Options) Run() error {
	if err := o.check(); err != nil {
		return err
	}
	files, err := o.convert()
	if err != nil {
		return err
	}
	failures, changed := 0, 0
	for i := range files {
		failures += len(files[i].Failures)
		if files[i].Changed() {
			changed++
		}
	}
	o.report(files, failures, changed)
	switch {
	case failures > 0:
		return clierror.Quiet(clierror.Unusable)
	case o.Check && changed > 0:
		return clierror.Quiet(clierror.RunFailed)
	case o.Check:
		return nil
	case o.InPlace:
		return replaceAll(files)
	}
	return o.print(files)
}

// check rejects invalid combinations of arguments.
func (o *Options) check() error {
	if o.Check && o.InPlace {
		return clierror.Usage(command, "--check and --in-place exclude each other: with --check no file is written")
	}
	stdin := 0
	for _, name := range o.Files {
		if name == "-" {
			stdin++
		}
	}
	switch {
	case stdin > 1:
		return clierror.Usage(command, "standard input (-) can be read only once")
	case stdin > 0 && o.InPlace:
		return clierror.Usage(command, "--in-place cannot write standard input (-)")
	}
	return nil
}

func (o *Options) convert() ([]converted, error) {
	names, err := validate.Files(o.Files)
	if err != nil {
		return nil, err
	}
	var files []converted
	for _, name := range names {
		text, err := o.read(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read file %q: %w", name, err)
		}
		shown := name
		if name == "-" {
			shown = "<standard input>"
		}
		files = append(files, converted{name, text, rewrite.File(shown, text)})
	}
	return files, nil
}

func (o *Options) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(o.Terminal.In)
	}
	return os.ReadFile(name)
}

// report prints the remarks and a summary to standard error, because standard output may be the manifests.
func (o *Options) report(files []converted, failures, changed int) {
	show := func(severity string, remarks []rewrite.Remark) {
		for _, m := range remarks {
			o.Terminal.Notef("%s", terminal.Line(severity+m.String()))
		}
	}
	for i := range files {
		show("", files[i].Changes)
		show("note: ", files[i].Notes)
		show("error: ", files[i].Failures)
	}
	all := counted(len(files), "file")
	switch {
	case failures > 0:
		o.Terminal.Notef("%s: %s cannot be converted; no file was written", all, counted(failures, "place"))
	case changed == 0:
		o.Terminal.Notef("%s: nothing to convert", all)
	case o.Check:
		o.Terminal.Notef("%s: %s would change", all, counted(changed, "file"))
	case o.InPlace:
		o.Terminal.Notef("%s: %s to write", all, counted(changed, "file"))
	}
}

// print writes the files to standard output, as one stream of documents.
func (o *Options) print(files []converted) error {
	for i := range files {
		text := files[i].Text
		if i > 0 && !bytes.HasPrefix(text, []byte("---")) {
			text = append([]byte("---\n"), text...)
		}
		if i+1 < len(files) && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(bytes.Clone(text), '\n')
		}
		if _, err := o.Terminal.Out.Write(text); err != nil {
			return fmt.Errorf("cannot write the manifests: %w", err)
		}
	}
	return nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, noun+"s")
}

// replaceAll writes the files that have changed. Each is replaced as a whole.
func replaceAll(files []converted) error {
	var written []string
	for i := range files {
		if !files[i].Changed() {
			continue
		}
		if err := replace(files[i].name, files[i].before, files[i].Text); err != nil {
			done := "no file was written"
			if len(written) > 0 {
				done = "already written: " + strings.Join(written, ", ")
			}
			return clierror.Hint(err, done)
		}
		written = append(written, files[i].name)
	}
	return nil
}
