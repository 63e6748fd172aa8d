using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// A page of headings, text, tables and pictures in one self-contained HTML file: pictures travel inside it as PNG, nothing is loaded
/// from elsewhere, no script runs. All text is escaped.
/// </summary>
public sealed partial class HtmlReport(string title)
{
    private const string Style = """
        :root { color-scheme: light dark; --edge: #d5d9e0; --soft: #5b6472; }
        @media (prefers-color-scheme: dark) { :root { --edge: #3a404b; --soft: #9aa4b2; } }
        body { font: 16px/1.55 system-ui, sans-serif; max-width: 68rem; margin: 2.5rem auto; padding: 0 1.2rem; }
        h1 { font-size: 1.9rem; margin-bottom: .2rem; } h2 { margin-top: 2.6rem; border-bottom: 1px solid var(--edge); padding-bottom: .25rem; }
        p { max-width: 46rem; } .soft, figcaption { color: var(--soft); font-size: .92rem; }
        table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
        th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--edge); text-align: right; } .words { text-align: left; }
        tr.best td { font-weight: 600; }
        .row { display: flex; flex-wrap: wrap; gap: 1.1rem; margin: 1rem 0; } figure { margin: 0; } figure img { display: block; max-width: 100%; border-radius: 4px; }
        .drawing { margin: 1rem 0; } .drawing svg { max-width: 100%; height: auto; }
        """;

    private readonly StringBuilder _body = new();

    /// <summary>Starts a section.</summary>
    public HtmlReport Section(string heading) => Add($"<h2>{Escaped(heading)}</h2>\n");

    /// <summary>A paragraph.</summary>
    public HtmlReport Text(string text) => Add($"<p>{Escaped(text)}</p>\n");

    /// <summary>A paragraph in the background: how something was made, what it does not show.</summary>
    public HtmlReport Note(string text) => Add($"<p class=\"soft\">{Escaped(text)}</p>\n");

    /// <summary>A table: numbers stand to the right, words and the first column to the left; the row named <paramref name="best"/> stands out.</summary>
    public HtmlReport Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows, string? best = null)
    {
        var all = rows.ToList();
        bool[] words = [.. headings.Select((_, k) => k == 0 || all.Any(row => Numberless().IsMatch(row[k])))];
        string Cells(string kind, IReadOnlyList<string> cells) => string.Concat(cells.Select((cell, k) => $"<{kind}{(words[k] ? " class=\"words\"" : "")}>{Escaped(cell)}</{kind}>"));
        _body.Append("<table><thead><tr>").Append(Cells("th", headings)).Append("</tr></thead><tbody>\n");
        foreach (var row in all)
            _body.Append(row[0] == best ? "<tr class=\"best\">" : "<tr>").Append(Cells("td", row)).Append("</tr>\n");
        return Add("</tbody></table>\n");
    }

    /// <summary>Pictures side by side, each with a caption.</summary>
    public HtmlReport Pictures(params IEnumerable<(RgbImage Picture, string Caption)> pictures)
    {
        _body.Append("<div class=\"row\">\n");
        foreach (var (picture, caption) in pictures)
            _body.Append("<figure><img width=\"").Append(picture.Width).Append("\" height=\"").Append(picture.Height).Append("\" alt=\"").Append(Escaped(caption))
                .Append("\" src=\"data:image/png;base64,").Append(Convert.ToBase64String(picture.ToPng())).Append("\"><figcaption>").Append(Escaped(caption))
                .Append("</figcaption></figure>\n");
        return Add("</div>\n");
    }

    /// <summary>A drawing as SVG, with a caption. The markup goes onto the page as it is, so it must be made by the program, never from outside.</summary>
    public HtmlReport Drawing(string svg, string caption = "") => Add($"<figure class=\"drawing\">{svg}{(caption.Length > 0 ? $"<figcaption>{Escaped(caption)}</figcaption>" : "")}</figure>\n");

    /// <summary>Writes the page; it appears complete or not at all.</summary>
    public void Save(string path, ExistingFile existing = ExistingFile.Refuse) => AtomicFile.WriteText(path, ToString(), existing);

    /// <summary>The page.</summary>
    public override string ToString() =>
        $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{Escaped(title)}</title>\n"
        + $"<style>\n{Style}\n</style></head><body>\n<h1>{Escaped(title)}</h1>\n{_body}</body></html>\n";

    // Three letters on end, but for the words by which a number says that it is none.
    [GeneratedRegex(@"^(?!(NaN|none|too few|unknown)$).*\p{L}{3}")]
    private static partial Regex Numberless();

    private HtmlReport Add(string html)
    {
        _body.Append(html);
        return this;
    }

    private static string Escaped(string text) => WebUtility.HtmlEncode(text);
}
