// Package validate implements `sluice validate`, which finds problems in files without a cluster.
package validate

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/predict"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results"
)

// Options are the options of `sluice validate`.
type Options struct {
	Terminal *terminal.Terminal
	// Files are names of files and of folders; "-" is Terminal.In.
	Files []string
	// ResultsFrom and MaxResultSize are the settings of the installation that the files are for.
	ResultsFrom   string
	MaxResultSize int64
	// InCluster reads the definitions of references through the cluster of Source.
	InCluster bool
	Source    cluster.Source
	// Strict counts warnings as errors.
	Strict bool
	// Output is the output format.
	Output table.Format
}

// NewCommand returns the command `sluice validate`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Find problems in files, without a cluster",
		Long: `Reads files and folders, and reports with file, line and column what the API server and the controller would refuse:
unknown fields and broken rules. If the files have both a Task and the Pipeline or run that uses it, it also reports params,
workspaces and results that do not match. If a reference of the resolver git names the repository that the file is in, the Task
or Pipeline is read from the checkout, whatever the revision of the reference is. With --in-cluster, the definitions of all other
references are read through the resolvers of the cluster, except for references with variables. Text that is accepted but looks like a
mistake, such as a variable that does not exist, is a warning. Templates of Helm, patches of a kustomization, and objects of
version v1beta1 are named in a note and not checked. The runs in a TriggerTemplate are checked, except for the lines with its
params. It ignores objects that are not of tekton.dev.

It also predicts which results and params exceed a limit of the installation that the files are for (docs/limits.md). If a
value is in the files, it uses the size of the value. If a task uses a result, it uses the maximum size of the result.

Exit status: 0 no errors (there may be warnings), 1 errors, 2 a file could not be read.`,
		Example: `  sluice validate pipeline.yaml tasks/            # files, and all *.yaml and *.yml below a folder
  sluice validate . --strict -o json              # in CI: warnings count as errors
  sluice validate . --results-from sidecar-logs --max-result-size 1000000
  sluice validate pipelinerun.yaml --in-cluster -n team   # also the definitions that it refers to
  kustomize build . | sluice validate -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Files = args
			return o.Run(c.Context())
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.ResultsFrom, "results-from", string(config.TerminationMessage), "how results leave pods: "+
		strings.Join(methods(), " or "))
	flags.Int64Var(&o.MaxResultSize, "max-result-size", results.DefaultMaxSize, "maximum `bytes` of one result")
	flags.BoolVar(&o.Strict, "strict", false, "exit with status 1 also for warnings")
	flags.BoolVar(&o.InCluster, "in-cluster", false, "read the definitions of references through the resolvers of the cluster")
	// The flag exists, because it is defined above.
	_ = c.RegisterFlagCompletionFunc("results-from", cobra.FixedCompletions(methods(), cobra.ShellCompDirectiveNoFileComp))
	o.Output.Register(c)
	return c
}

func methods() []string {
	return []string{string(config.TerminationMessage), string(config.SidecarLogs)}
}

// report is the JSON of -o json.
type report struct {
	Files    int `json:"files"`
	Objects  int `json:"objects"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	// NotRead is the number of definitions of references that were not read.
	NotRead  int             `json:"notRead"`
	Findings []check.Finding `json:"findings"`
}

// Run validates the files and prints the findings.
func (o *Options) Run(ctx context.Context) error {
	if !slices.Contains(methods(), o.ResultsFrom) {
		return clierror.Usage("sluice validate", "--results-from %q is not one of %s", o.ResultsFrom, strings.Join(methods(), ", "))
	}
	if o.MaxResultSize < 1 || o.MaxResultSize >= results.ObjectLimit {
		return clierror.Usage("sluice validate", "--max-result-size %d is not between 1 and %d", o.MaxResultSize, results.ObjectLimit-1)
	}
	files, err := Files(o.Files)
	if err != nil {
		return err
	}
	fetch, err := o.fetch(ctx)
	if err != nil {
		return err
	}
	set, err := readWith(files, o.Terminal.In, fetch)
	if err != nil {
		return err
	}
	set.Check() // also sets the defaults
	findings := set.Check(predict.Predict(set, predict.Limits{
		ResultsFrom:   config.ResultsFrom(o.ResultsFrom),
		MaxResultSize: o.MaxResultSize,
	})...)
	r := report{
		Files: len(files), Objects: len(set.Objects), Findings: findings,
		Errors: check.Count(findings, check.Error), Warnings: check.Count(findings, check.Warning),
		NotRead: set.NotRead,
	}
	if r.Findings == nil {
		r.Findings = []check.Finding{}
	}
	if err := o.Output.Write(o.Terminal.Out, r, func(w io.Writer) error { return o.print(w, r, set.Others) }); err != nil {
		return err
	}
	if r.Errors > 0 || o.Strict && r.Warnings > 0 {
		return clierror.Quiet(clierror.RunFailed)
	}
	return nil
}

// Files returns the named files and the files in the named folders, in this order. It returns an error for a file that does
// not exist.
func Files(named []string) ([]string, error) {
	var files []string
	for _, name := range named {
		if name == "-" {
			files = append(files, name)
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, clierror.Hint(fmt.Errorf("cannot read file %q: %w", name, err), "give files, folders, or - for standard input")
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		below, err := filesBelow(name)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	return files, nil
}

func filesBelow(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != folder && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); entry.Type().IsRegular() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read folder %q: %w", folder, err)
	}
	if len(files) == 0 {
		return nil, clierror.New(fmt.Sprintf("cannot find files *.yaml or *.yml below %q", folder))
	}
	return files, nil
}

// Read reads the files into a set; "-" reads in.
func Read(files []string, in io.Reader) (*check.Set, error) {
	return readWith(files, in, fromCheckouts())
}

func readWith(files []string, in io.Reader, fetch check.Fetch) (*check.Set, error) {
	set := &check.Set{Fetch: fetch}
	for _, file := range files {
		var text []byte
		var err error
		if file == "-" {
			text, err = io.ReadAll(in)
		} else {
			text, err = os.ReadFile(file)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read file %q: %w", file, err)
		}
		set.Add(file, text)
	}
	return set, nil
}

// print prints one finding in each line, as compilers do, and then a summary.
func (o *Options) print(w io.Writer, r report, others int) error {
	t := o.Terminal
	var b strings.Builder
	for _, f := range r.Findings {
		color := terminal.Yellow
		switch f.Severity {
		case check.Error:
			color = terminal.Red
		case check.Note:
			color = terminal.Cyan
		case check.Warning:
		}
		where := terminal.Line(f.Object)
		if f.Field != "" {
			where = strings.TrimSpace(where + " " + terminal.Line(f.Field))
		}
		if where != "" {
			where += ": "
		}
		fmt.Fprintf(&b, "%s: %s %s%s\n",
			t.Paint(terminal.Bold, f.Place.String()), t.Paint(color, string(f.Severity)+":"), where, terminal.Line(f.Message))
		if f.Hint != "" {
			fmt.Fprintf(&b, "    %s %s\n", t.Paint(terminal.Cyan, "hint:"), f.Hint)
		}
	}
	summary := fmt.Sprintf("%s in %s: ", counted(r.Objects, "object"), counted(r.Files, "file"))
	switch {
	case r.Errors+r.Warnings == 0 && r.Objects == 0:
		summary = "no objects of tekton.dev in " + counted(r.Files, "file")
	case r.Errors+r.Warnings == 0:
		summary += "no problems"
	default:
		summary += counted(r.Errors, "error") + ", " + counted(r.Warnings, "warning")
	}
	if others > 0 {
		summary += fmt.Sprintf(" (%s of other groups ignored)", counted(others, "object"))
	}
	if r.NotRead > 0 {
		summary += fmt.Sprintf(" (%s of references not read; --in-cluster reads them, except for references with variables)",
			counted(r.NotRead, "definition"))
	}
	_, err := io.WriteString(w, b.String()+summary+"\n")
	return err
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
