package results

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// GetOptions are the options of `sluice results get`.
type GetOptions struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Run is the argument as the user typed it.
	Run string
	// Name is the result, or TASK/NAME. Empty means the only result, or with JSON all results.
	Name string
	// File is the file to write; empty or "-" means Out.
	File string
	// JSON writes the value as JSON, whatever its type.
	JSON bool
	// Raw writes exactly the bytes that the step wrote. For an array or an object only the log of the pod has them.
	Raw bool
}

func newGet(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &GetOptions{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "get RUN [NAME]",
		Short: "Write the exact bytes of a result, and check their digest",
		Long: `Writes the value of a result: the exact bytes of a string, with nothing added, or an array or object as compact JSON.
Omit NAME if the run has only one result. For a PipelineRun, TASK/NAME is a result of a task.

As long as the pod exists, the command compares the bytes with the digest in the log of the results sidecar. If they differ,
it writes nothing and exits with status 2. It prints the outcome of the check to standard error.

--raw writes an array or an object exactly as the step wrote it, with its white space, which only the pod's log has.
--json writes any value as JSON, a string in quotes. Without NAME it writes one object with all results.`,
		Example: `  sluice results get build-x7k2p sbom -o sbom.json
  sluice results get taskrun/make digest | cosign verify-blob …
  sluice results get build-x7k2p make/sbom | jq .components
  sluice results get build-x7k2p --json | jq 'keys'`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Run = args[0]
			if len(args) == 2 {
				o.Name = args[1]
			}
			return o.get(c.Context())
		},
	}
	c.ValidArgsFunction = completeNames(source)
	c.Flags().StringVarP(&o.File, "output", "o", "", "file to write to (default: standard output)")
	c.Flags().BoolVar(&o.JSON, "json", false, "write the value as JSON")
	c.Flags().BoolVar(&o.Raw, "raw", false, "write exactly the bytes that the step wrote, also for an array or object")
	c.MarkFlagsMutuallyExclusive("json", "raw")
	return c
}

func (o *GetOptions) get(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	snapshot, err := runs.FindSnapshot(ctx, c, o.Run)
	if err != nil {
		return err
	}
	reference := snapshot.Run.FullName().String()
	all := resultview.Of(snapshot)
	if o.Name == "" && o.JSON {
		return o.getAll(resultview.NewChecker(c).Check(ctx, all), reference)
	}
	one, err := pick(all, o.Name, snapshot.Run, c)
	if err != nil {
		return err
	}
	one = resultview.NewChecker(c).Check(ctx, []resultview.Result{one})[0]
	data, err := o.bytes(one, reference)
	if err != nil {
		return err
	}
	if err := o.write(data); err != nil {
		return err
	}
	o.Terminal.Notef("%s: %d bytes, sha256:%s, %s", one.Name, len(data), resultview.Digest(data), said(one))
	return nil
}

// getAll writes one JSON object with every result of the run by name.
func (o *GetOptions) getAll(all []resultview.Result, reference string) error {
	object := map[string]json.RawMessage{}
	for _, r := range all {
		if err := refuse(r, reference); err != nil {
			return err
		}
		object[r.Name] = r.JSON()
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return fmt.Errorf("cannot encode the results of %s: %w", reference, err)
	}
	return o.write(b.Bytes())
}

// bytes returns the bytes to write.
func (o *GetOptions) bytes(r resultview.Result, reference string) ([]byte, error) {
	if err := refuse(r, reference); err != nil {
		return nil, err
	}
	switch {
	case o.JSON:
		return append(r.JSON(), '\n'), nil
	case o.Raw:
		data, ok := r.Written()
		if !ok {
			return nil, clierror.New(fmt.Sprintf("cannot get the bytes that the step wrote for %s %q: %s", r.Type, r.Name, r.Check.Detail),
				"omit --raw to get the same values as compact JSON")
		}
		return data, nil
	default:
		return r.Bytes(), nil
	}
}

// refuse returns an error if the value is not what the step wrote.
func refuse(r resultview.Result, reference string) error {
	if r.Check.Outcome != resultview.Different {
		return nil
	}
	return clierror.New(fmt.Sprintf("result %q of %s differs from what the step wrote: %s", r.Name, reference, r.Check.Detail),
		"do not use it; this is a bug, please report it with the output of kubectl get "+reference+" -o yaml and the log of the results sidecar")
}

// write writes to the file, completely or not at all, or else to Out. If Out is a terminal, it adds the missing line feed at
// the end.
func (o *GetOptions) write(data []byte) error {
	if o.File == "" || o.File == "-" {
		if _, err := o.Terminal.Out.Write(data); err != nil {
			return fmt.Errorf("cannot write the result: %w", err)
		}
		if o.Terminal.Interactive && !bytes.HasSuffix(data, []byte("\n")) {
			o.Terminal.Printf("\n")
		}
		return nil
	}
	if err := replace(o.File, data); err != nil {
		return clierror.Hint(fmt.Errorf("cannot write file %q: %w", o.File, err), "-o FILE needs a folder that exists")
	}
	return nil
}

// replace writes a temporary file in the same folder, and renames it once it is complete. It writes directly to a file that
// is not regular, such as a pipe.
func replace(name string, data []byte) (err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, data, 0o644)
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name()) // the returned error has the cause
		}
	}()
	if _, err := temporary.Write(data); err != nil {
		_ = temporary.Close() // the returned error has the cause
		return err
	}
	if err := temporary.Chmod(0o644); err != nil {
		_ = temporary.Close() // the returned error has the cause
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}

// pick returns the result with the given name.
func pick(all []resultview.Result, name string, r runs.Run, c *cluster.Cluster) (resultview.Result, error) {
	reference := r.FullName().String()
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.Name
		if one.Name == name {
			return one, nil
		}
	}
	switch {
	case len(all) == 0:
		return resultview.Result{}, clierror.New(reference + " has no results" + whyNone(r, c))
	case name == "" && len(all) == 1:
		return all[0], nil
	case name == "":
		return resultview.Result{}, clierror.New(fmt.Sprintf("%s has %d results, and none is selected", reference, len(all)),
			"select one: "+strings.Join(names, ", "), "or get all as one JSON object: --json")
	}
	hint := "it has " + strings.Join(names, ", ")
	if near := runs.Near(name, names); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, ", ") + "?"
	}
	return resultview.Result{}, clierror.New(fmt.Sprintf("%s has no result %q", reference, name), hint)
}

// said describes the outcome of the check for users.
func said(r resultview.Result) string {
	if r.Check.Outcome == resultview.Unknown {
		return "no digest to compare with: " + r.Check.Detail
	}
	return string(r.Check.Outcome) + ": " + r.Check.Detail
}

// completeNames completes the run, and after it the names of its results.
func completeNames(source cluster.Source) cobra.CompletionFunc {
	names := runs.Complete(source, false)
	return func(command *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return names(command, args, text)
		}
		c, err := source.Connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		snapshot, err := runs.FindSnapshot(command.Context(), c, args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var all []cobra.Completion
		for _, r := range resultview.Of(snapshot) {
			if strings.HasPrefix(r.Name, text) {
				all = append(all, cobra.CompletionWithDesc(r.Name, fmt.Sprintf("%s, %s", r.Type, resultview.Bytes(r.Size))))
			}
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}
