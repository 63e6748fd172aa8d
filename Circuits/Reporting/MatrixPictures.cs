using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Writes tables of numbers as a page, each also as PNG and SVG.</summary>
public static class MatrixPictures
{
    /// <summary>One table to draw.</summary>
    /// <param name="Name">The file's name.</param>
    /// <param name="Title">What is shown.</param>
    /// <param name="Unit">What the numbers are.</param>
    /// <param name="Values">[rows, columns].</param>
    /// <param name="Rows">Labels of the rows.</param>
    /// <param name="Columns">Labels of the columns.</param>
    public sealed record Sheet(string Name, string Title, string Unit, double[,] Values, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns);

    /// <summary>Writes everything into a folder, which is made where it is missing.</summary>
    /// <param name="folder">Where to write.</param>
    /// <param name="heading">The page's heading.</param>
    /// <param name="notes">What the reader should know.</param>
    /// <param name="sheets">The tables.</param>
    /// <param name="existing">Whether files that are there may be replaced.</param>
    /// <param name="origin">What the page says at its end about model, data and command.</param>
    /// <param name="more">Further parts of the page.</param>
    /// <param name="first">Parts that come before the tables.</param>
    /// <returns>The files, the page first.</returns>
    public static IReadOnlyList<string> Write(string folder, string heading, IReadOnlyList<string> notes, IReadOnlyList<Sheet> sheets, ExistingFile existing, string origin, Action<HtmlReport>? more = null, Action<HtmlReport>? first = null)
    {
        ArgumentNullException.ThrowIfNull(notes);
        ArgumentNullException.ThrowIfNull(sheets);
        var report = new HtmlReport(heading);
        foreach (var note in notes) report.Note(note);
        first?.Invoke(report);
        var files = new List<string> { Path.Combine(folder, "report.html") };
        foreach (var sheet in sheets)
        {
            var svg = MatrixChart.Svg(sheet.Values, sheet.Rows, sheet.Columns, sheet.Title, sheet.Unit);
            files.Add(Path.Combine(folder, $"{sheet.Name}.svg"));
            AtomicFile.WriteText(files[^1], svg, existing);
            files.Add(Path.Combine(folder, $"{sheet.Name}.png"));
            MatrixPicture.Draw(sheet.Values, sheet.Rows, sheet.Columns, sheet.Title, sheet.Unit).Save(files[^1], existing);
            report.Section(sheet.Title).Drawing(MatrixChart.Svg(sheet.Values, sheet.Rows, sheet.Columns, sheet.Title, sheet.Unit, titled: false));
        }
        more?.Invoke(report);
        if (origin.Length > 0) report.Section("Where this comes from").Note(origin);
        report.Save(files[0], existing);
        return files;
    }
}
