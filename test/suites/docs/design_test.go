package docs

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDesignNotes: the notes are numbered without a gap, each number once, and each note has its number, its status and a date.
func TestDesignNotes(t *testing.T) {
	files, err := filepath.Glob(root + "/docs/design/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("cannot list the design notes: %v", err)
	}
	status := regexp.MustCompile(`^Status: (accepted|proposed|replaced by \d+)\. Date: \d{4}-\d{2}-\d{2}\.$`)
	for i, file := range files { // Glob sorts names
		name, number := filepath.Base(file), i+1
		if want := fmt.Sprintf("%04d-", number); !strings.HasPrefix(name, want) {
			t.Errorf("want a name that begins with %q, got %q: a number is missing, or two notes have it", want, name)
			continue
		}
		lines := strings.Split(read(t, file), "\n")
		if title := fmt.Sprintf("# %d. ", number); !strings.HasPrefix(lines[0], title) {
			t.Errorf("%s: want a title that begins with %q, got %q", name, title, lines[0])
		}
		if len(lines) < 3 || !status.MatchString(lines[2]) {
			t.Errorf("%s: want a status and a date in line 3", name)
		}
	}
}
