// Package flagpage compares docs/flags.md with the flags of a program.
package flagpage

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/test/testutil/tables"
)

// file is the page, from the folder of a program in cmd.
const file = "../../docs/flags.md"

// Check fails the test for each flag that the section of the page does not list with its default, and for each flag of the section that
// does not exist. shown has the defaults that differ between machines, as the page writes them, by the name of the flag.
func Check(t *testing.T, section string, flags *flag.FlagSet, shown map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	listed := defaults(string(text), section)
	flags.VisitAll(func(f *flag.Flag) {
		want := f.DefValue
		if text, ok := shown[f.Name]; ok {
			want = text
		}
		got, ok := listed["--"+f.Name]
		switch {
		case !ok:
			t.Errorf("docs/flags.md, %q, does not list --%s", section, f.Name)
		case want == "" && slices.Contains([]string{"none", "required"}, got), want == got:
		default:
			t.Errorf("docs/flags.md, %q: want default %q of --%s, got %q", section, want, f.Name, got)
		}
		delete(listed, "--"+f.Name)
	})
	for name := range listed {
		t.Errorf("docs/flags.md, %q, lists %s, which does not exist", section, name)
	}
}

// defaults returns the defaults of the flags that a section lists, by name.
func defaults(page, section string) map[string]string {
	all := map[string]string{}
	for _, table := range tables.Of(page) {
		if table.Heading != section || !slices.Equal(table.Header[:2], []string{"flag", "default"}) {
			continue
		}
		for _, row := range table.Rows {
			all[strings.Trim(row[0], "`")] = strings.Trim(row[1], "`")
		}
	}
	return all
}
