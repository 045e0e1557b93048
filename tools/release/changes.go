package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// abbreviated is the length of the commit hashes in the list of changes.
const abbreviated = 12

// changes writes what users notice, from CHANGELOG.md, and the commits since the release before.
func (r release) changes(ctx context.Context, folder string, created time.Time) error {
	changelog, err := os.ReadFile(filepath.Join(r.Project, "CHANGELOG.md"))
	if err != nil {
		return fmt.Errorf("cannot read the changelog: %w", err)
	}
	notes, err := section(string(changelog), r.Version)
	if err != nil {
		return err
	}
	tags, err := git(ctx, r.Project, "tag", "--merged", "HEAD")
	if err != nil {
		return err
	}
	before, scope := previous(strings.Fields(tags), r.Version), "HEAD"
	title := "Commits"
	if before != "" {
		scope, title = before+"..HEAD", "Commits since "+before
	}
	commits, err := git(ctx, r.Project, "log", "--no-merges", "--format=%H %s", scope)
	if err != nil {
		return err
	}
	head, err := git(ctx, r.Project, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	text := fmt.Sprintf("# Sluice %s\n\nBuilt from commit `%s` of %s.\n\n## What users notice\n\n%s\n\n## %s\n\n%s",
		r.Version, strings.TrimSpace(head), utc(created), notes, title, list(commits))
	if err := os.WriteFile(filepath.Join(folder, changesFile), []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write the changes: %w", err)
	}
	return nil
}

// section returns the section of a changelog about a version, or else the unreleased one, without its heading.
func section(changelog, version string) (string, error) {
	for _, heading := range []string{version, "Unreleased"} {
		var lines []string
		inside := false
		for line := range strings.Lines(changelog) {
			if title, ok := strings.CutPrefix(line, "## "); ok {
				inside = strings.TrimSpace(title) == heading
				continue
			}
			if inside {
				lines = append(lines, line)
			}
		}
		if text := strings.TrimSpace(strings.Join(lines, "")); text != "" {
			return text, nil
		}
	}
	return "", fmt.Errorf("cannot find the changes of %s: CHANGELOG.md has neither a section %q nor a section %q with lines",
		version, version, "Unreleased")
}

// previous returns the highest version among the tags that is lower than version; empty if there is none.
func previous(tags []string, version string) string {
	highest := ""
	for _, tag := range tags {
		if semver.IsValid(tag) && semver.Compare(tag, version) < 0 && (highest == "" || semver.Compare(tag, highest) > 0) {
			highest = tag
		}
	}
	return highest
}

// list returns a list of commits in Markdown, from lines of a hash and a subject.
func list(commits string) string {
	var b strings.Builder
	for line := range strings.Lines(commits) {
		hash, subject, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok {
			fmt.Fprintf(&b, "- %s (`%.*s`)\n", subject, abbreviated, hash)
		}
	}
	return b.String()
}
