package main

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"text/template"
	"unicode/utf8"
)

const (
	mostOutput = 16 << 20
	mostFiles  = 10000
	mostDepth  = 1000
)

// file is one that a template makes: the one of its own name (""), or one that `file` named.
type file struct {
	Name     string `json:"name"`
	Contents []byte `json:"contents,omitempty"`
	Link     string `json:"link,omitempty"`
}

var errAbort = errors.New("abort")

// run is one execution of one template.
type run struct {
	files   []file
	size    int
	depth   int
	written bytes.Buffer // of the last file
	secrets []string     // that the template has read
}

func (r *run) finishFile() {
	last := &r.files[len(r.files)-1]
	last.Contents = append([]byte(nil), r.written.Bytes()...)
	r.written.Reset()
}

// Write takes what the engine writes; it writes the words for no value at once.
func (r *run) Write(piece []byte) (int, error) {
	if string(piece) == "<no value>" {
		line := 1 + bytes.Count(r.written.Bytes(), []byte{'\n'})
		return 0, fmt.Errorf("line %d of the output: prints <no value>; the value is not set (use default)", line)
	}
	r.size += len(piece)
	if r.size > mostOutput {
		return 0, fmt.Errorf("the output is larger than %d MiB; does it loop?", mostOutput>>20)
	}
	return r.written.Write(piece)
}

type compiled struct {
	name     string
	template *template.Template
}

type renderer struct {
	functions *functions
	templates map[int]*compiled
	data      data
}

func newRenderer(include string) *renderer {
	r := &renderer{templates: map[int]*compiled{}}
	r.functions = newFunctions(include, &r.data)
	r.data.secret = r.functions.secret
	return r
}

func (r *renderer) setCommon(c *common) { r.data.takeCommon(c) }
func (r *renderer) setNode(n *wireNode) { r.data.takeNode(n) }
func (r *renderer) nameOf(id int) string {
	if t, ok := r.templates[id]; ok {
		return t.name
	}
	return "?"
}

// add parses a template. It is shared where it renders the same for all nodes.
func (r *renderer) add(id int, name, text string) (shared bool, err error) {
	delete(r.templates, id)
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return false, fmt.Errorf("template: %s: not a text in UTF-8; a file without .tmpl or .ww is copied as it is", name)
	}
	parsed, err := template.New(name).Option("missingkey=error").Funcs(r.functions.all).Parse(text)
	if err != nil {
		return false, err
	}
	shared = isShared(parsed)
	for _, one := range parsed.Templates() {
		rewrite(one.Tree)
	}
	r.templates[id] = &compiled{name, parsed}
	return shared, nil
}

func (r *renderer) render(id int) ([]file, error) {
	t, ok := r.templates[id]
	if !ok {
		return nil, fmt.Errorf("template %d is not known", id)
	}
	current := &run{files: []file{{}}}
	r.functions.run = current
	r.data.BuildSource = t.name
	r.data.prepare()
	err := t.template.Execute(current, &r.data)
	if errors.Is(err, errAbort) {
		return nil, nil
	}
	if err != nil && len(current.secrets) > 0 {
		err = withoutValues(t.name, err)
	}
	if err != nil {
		if !strings.HasPrefix(err.Error(), "template: ") {
			err = fmt.Errorf("template: %s: %w", t.name, err)
		}
		return nil, err
	}
	current.finishFile()
	files, err := current.result()
	if err != nil {
		return nil, fmt.Errorf("template: %s: %w", t.name, err)
	}
	return files, nil
}

var place = regexp.MustCompile(`^template: .*? at <.*?>: `)

// withoutValues leaves only the place of an error of the engine, for the rest may name what a function was given.
func withoutValues(name string, err error) error {
	if !errors.As(err, &template.ExecError{}) {
		return err
	}
	where := place.FindString(err.Error())
	if where == "" {
		where = "template: " + name + ": "
	}
	return errors.New(where + "failed; why is not shown, because the template has read a secret")
}

// result leaves out what a template wrote before its first `file`, as Warewulf does; a link there stays.
func (r *run) result() ([]file, error) {
	if len(r.files) > 1 && r.files[0].Link == "" {
		r.files = r.files[1:]
	}
	for _, one := range r.files {
		if one.Name != "" && path.Base(one.Name) == ".." || strings.ContainsRune(one.Name+one.Link, 0) {
			return nil, fmt.Errorf("%q cannot be the name of a file or link", one.Name)
		}
		for _, secret := range r.secrets {
			if strings.Contains(one.Name+one.Link, secret) {
				return nil, errors.New("a secret cannot be in the name of a file or link")
			}
		}
	}
	return r.files, nil
}
