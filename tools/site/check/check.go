// Package check finds broken links in a built site: each link within the site leads to a file, and to a place in it that exists,
// and no page loads a file from another host.
package check

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// page is what the check needs of a page.
type page struct {
	// places has the values of id and name, to which the part of a link after # can lead.
	places map[string]bool
	// links has the targets of links.
	links []string
	// loads has the files that the page loads: pictures, programs and styles.
	loads []string
}

// Dir returns an error with each broken link of the site in a folder.
func Dir(folder string) error {
	site := os.DirFS(folder)
	pages, err := read(site)
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return fmt.Errorf("cannot check the site in %q: it has no page", folder)
	}
	var broken []string
	links := 0
	for name, p := range pages {
		for _, to := range slices.Concat(p.links, p.loads) {
			links++
			if problem := find(site, pages, name, to); problem != "" {
				broken = append(broken, fmt.Sprintf("%s: %s: %s", name, to, problem))
			}
		}
		for _, from := range p.loads {
			if u, err := url.Parse(from); err == nil && u.Host != "" {
				broken = append(broken, fmt.Sprintf("%s: %s: the page loads a file from another host", name, from))
			}
		}
	}
	if len(broken) > 0 {
		slices.Sort(broken)
		return errors.New("the site has broken links:\n" + strings.Join(slices.Compact(broken), "\n"))
	}
	_, err = fmt.Printf("checked %d links of %d pages\n", links, len(pages))
	if err != nil {
		return fmt.Errorf("cannot print the result: %w", err)
	}
	return nil
}

// read reads all pages of a site, by their paths.
func read(site fs.FS) (map[string]page, error) {
	pages := map[string]page{}
	err := fs.WalkDir(site, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".html" {
			return err
		}
		data, err := fs.ReadFile(site, name)
		if err != nil {
			return err
		}
		root, err := html.Parse(bytes.NewReader(data))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		pages[name] = parse(root)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the pages of the site: %w", err)
	}
	return pages, nil
}

// parse returns what the check needs of a document.
func parse(root *html.Node) page {
	p := page{places: map[string]bool{}}
	for node := range root.Descendants() {
		for _, a := range node.Attr {
			switch {
			case a.Key == "id" || a.Key == "name" && node.Data == "a":
				p.places[a.Val] = true
			case a.Key == "href" && node.Data == "a":
				p.links = append(p.links, a.Val)
			case a.Key == "src" || a.Key == "href" && node.Data == "link":
				p.loads = append(p.loads, a.Val)
			}
		}
	}
	return p
}

// find returns why a link of a page is broken, or "". Links to other hosts are not checked.
func find(site fs.FS, pages map[string]page, from, to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return "it is not a URL"
	}
	if u.Scheme != "" || u.Host != "" {
		return ""
	}
	file := resolve(from, u.Path)
	if info, err := fs.Stat(site, file); err == nil && info.IsDir() {
		file = path.Join(file, "index.html")
	}
	if _, err := fs.Stat(site, file); err != nil {
		return "the file does not exist"
	}
	target, isPage := pages[file]
	if u.Fragment != "" && isPage && !target.places[u.Fragment] {
		return "the page has no such place"
	}
	return ""
}

// resolve returns the file of a link. An empty path is the page itself.
func resolve(from, to string) string {
	switch {
	case to == "":
		return from
	case strings.HasPrefix(to, "/"):
		return path.Clean("." + to)
	default:
		return path.Join(path.Dir(from), to)
	}
}
