// # An address space, drawn
//
//     7ffd5c380000 |wwww| stack           rw-p  132 KiB  <- a local
//                  :    : 41.9 TiB not mapped
//     563c8c6f2000 |wwww| heap            rw-p  132 KiB  <- a small malloc
//
// In the box stands what may be done there: x execute, w write, r read, - nothing.
// The address is the lowest of the region, so that it stands on its last line.

#define _GNU_SOURCE
#include "mem/layout/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw_pen.h"
#include "options.h"

enum { BOX = 4, LINES = 24, ENDS = 4, NAME = 17, ROOM_FOR_MARKS = 56 };

struct drawing {
	struct pen pen;
	int digits; // of an address
	size_t scale;
	const struct mark *marks;
	size_t mark_count;
};

static size_t lines_of(const struct region *region, size_t scale)
{
	size_t bytes = region->end - region->begin;

	return bytes / scale + (bytes % scale != 0);
}

// Of a long region both ends are drawn, and between them one line.
static size_t shown_of(const struct region *region, size_t scale)
{
	size_t lines = lines_of(region, scale);

	return lines > 2 * ENDS + 1 ? 2 * ENDS + 1 : lines;
}

// The largest pages a line can stand for without too many lines.
static size_t fitting_scale(const struct layout *layout, uintptr_t begin,
			    uintptr_t end)
{
	size_t scale = page_bytes(), lines;

	do {
		lines = 0;
		scale *= 2;
		for (size_t i = 0; i < layout->count; i++)
			if (layout->regions[i].begin < end &&
			    layout->regions[i].end > begin)
				lines += shown_of(&layout->regions[i], scale) -
					 1;
	} while (lines > LINES && scale <= SIZE_MAX / 4);
	return scale;
}

static char letter_of(const struct mapping *mapping)
{
	return mapping->execute ? 'x'
	       : mapping->write ? 'w'
	       : mapping->read  ? 'r'
				: '-';
}

static const struct mapping *mapping_at(const struct region *region,
					uintptr_t address)
{
	const struct mapping *mapping = region->first;

	for (size_t i = 1; i < region->mappings; i++)
		if (mapping[1].begin <= address)
			mapping++;
	return mapping;
}

static void begin_line(struct drawing *drawing, const char *address,
		       const char *edge, char fill, const char *colour)
{
	struct pen *pen = &drawing->pen;
	char box[BOX + 1];

	memset(box, fill, BOX);
	box[BOX] = '\0';
	pen_text(pen, address, drawing->digits, PEN_RIGHT);
	pen_write(pen, " ");
	pen_write(pen, edge);
	pen_colour(pen, colour);
	pen_write(pen, box);
	pen_colour(pen, NULL);
	pen_write(pen, edge);
	pen_write(pen, " ");
}

static void draw_break(struct drawing *drawing, const char *edge,
		       uintptr_t bytes, const char *what)
{
	struct pen *pen = &drawing->pen;
	char size[HUMAN_BYTES], text[HUMAN_BYTES + 20];

	begin_line(drawing, "", edge, ' ', NULL);
	snprintf(text, sizeof text, "%s %s", human_size(size, bytes), what);
	pen_colour(pen, PEN_FAINT);
	pen_text(pen, text, pen->columns - drawing->digits - BOX - 4, PEN_LEFT);
	pen_colour(pen, NULL);
	pen_newline(pen);
}

static void draw_gap(struct drawing *drawing, uintptr_t bytes)
{
	draw_break(drawing, pen_glyph(&drawing->pen, "┆", ":"), bytes,
		   "not mapped");
}

// "stack            rw-p  132 KiB", narrow: "stack 132 KiB"
static int write_title(struct drawing *drawing, const struct region *region,
		       int room)
{
	struct pen *pen = &drawing->pen;
	char size[HUMAN_BYTES], rights[8], text[HUMAN_BYTES + 12];

	human_size(size, region->end - region->begin);
	if (region->mappings > 1)
		snprintf(rights, sizeof rights, " (%zu)",
			 region->mappings % 1000);
	else
		mapping_rights(region->first, rights);
	snprintf(text, sizeof text, " %-4s %9s", rights, size);
	if (room < NAME + 18)
		snprintf(text, sizeof text, " %s", size);
	int name = room - text_columns(text);
	name = name > NAME ? NAME : name;
	pen_text(pen, region_name(region), name, PEN_LEFT);
	pen_write(pen, text);
	return name + text_columns(text);
}

// The marks of one line. Each that does not fit takes a line of its own.
struct lines {
	const struct region *region;
	uintptr_t low, high; // [low, high)
	bool last, titled;
};

static void draw_line(struct drawing *drawing, const struct lines *line)
{
	struct pen *pen = &drawing->pen;
	int room = pen->columns - drawing->digits - BOX - 4, used = 0;
	const char *edge = pen_glyph(pen, "│", "|");
	char address[24] = "", text[80];
	uintptr_t inside = line->low + (line->high - line->low) / 2;

	// the last of what may be several lines has the address
	size_t left = 0, shown = 0;
	for (size_t i = 0; i < drawing->mark_count; i++) {
		if (drawing->marks[i].address < line->low ||
		    drawing->marks[i].address >= line->high)
			continue;
		left++;
		inside = drawing->marks[i].address;
	}
	char fill = letter_of(mapping_at(line->region, inside));
	bool alone = room < ROOM_FOR_MARKS && line->titled && left > 0;
	size_t lines = left + alone > 1 ? left + alone : 1;
	for (size_t i = 0, k = 0; k < lines; k++) {
		if (k == lines - 1 && line->last)
			snprintf(address, sizeof address, "%" PRIxPTR,
				 line->region->begin);
		begin_line(drawing, address, edge, fill, PEN_BAR);
		used = 0;
		if (k == 0 && line->titled)
			used = write_title(drawing, line->region, room);
		while (shown < left && !(k == 0 && alone)) {
			const struct mark *mark = &drawing->marks[i++];
			if (mark->address < line->low ||
			    mark->address >= line->high)
				continue;
			snprintf(text, sizeof text, "%s%s %s", used ? "  " : "",
				 pen_glyph(pen, "◂", "<-"), mark->name);
			pen_text(pen, text, room - used, PEN_LEFT);
			shown++;
			break;
		}
		pen_newline(pen);
	}
}

static bool is_marked(const struct drawing *drawing, uintptr_t low,
		      uintptr_t high)
{
	for (size_t i = 0; i < drawing->mark_count; i++)
		if (drawing->marks[i].address >= low &&
		    drawing->marks[i].address < high)
			return true;
	return false;
}

static void draw_region(struct drawing *drawing, const struct region *region)
{
	size_t lines = lines_of(region, drawing->scale);
	uintptr_t left_out = 0;

	for (size_t i = lines; i-- > 0;) {
		uintptr_t low = region->begin + i * drawing->scale;
		uintptr_t high = i == lines - 1 ? region->end
						: low + drawing->scale;
		if (lines > 2 * ENDS + 1 && i >= ENDS && i < lines - ENDS &&
		    !is_marked(drawing, low, high)) {
			left_out += high - low;
			continue;
		}
		if (left_out)
			draw_break(drawing, pen_glyph(&drawing->pen, "≈", "~"),
				   left_out, "more of it");
		left_out = 0;
		draw_line(drawing, &(struct lines){ region, low, high, i == 0,
						    i == lines - 1 });
	}
}

static int digits_of(const struct layout *layout, uintptr_t begin,
		     uintptr_t end)
{
	int digits = 8;

	for (size_t i = 0; i < layout->count; i++) {
		const struct region *region = &layout->regions[i];
		int n = snprintf(NULL, 0, "%" PRIxPTR, region->begin);
		if (region->begin < end && region->end > begin && n > digits)
			digits = n;
	}
	return digits;
}

char *layout_picture(const struct layout *layout, const struct canvas *canvas,
		     const struct mark *marks, size_t mark_count, size_t scale,
		     uintptr_t begin, uintptr_t end)
{
	struct drawing drawing = {
		.pen = pen_begin(canvas),
		.digits = digits_of(layout, begin, end),
		.scale = scale ? scale : fitting_scale(layout, begin, end),
		.marks = marks,
		.mark_count = mark_count,
	};
	char text[80], size[HUMAN_BYTES];
	uintptr_t above = 0;

	snprintf(text, sizeof text, "a line: up to %s%s",
		 human_size(size, drawing.scale),
		 scale || canvas->columns < 80
			 ? ""
			 : "; a gap: one; (5): 5 mappings, drawn as one");
	pen_repeat(&drawing.pen, " ", drawing.digits + 1);
	pen_text(&drawing.pen, text, canvas->columns - drawing.digits - 1,
		 PEN_LEFT);
	pen_newline(&drawing.pen);
	for (size_t i = layout->count; i-- > 0;) {
		const struct region *region = &layout->regions[i];
		if (region->begin >= end || region->end <= begin)
			continue;
		if (above && above != region->end)
			draw_gap(&drawing, above - region->end);
		draw_region(&drawing, region);
		above = region->begin;
	}
	return pen_end(&drawing.pen);
}
