using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// The attention of every head on one picture as a self-contained page: the patch under the pointer asks, a grid of heads answers. Numbers travel in the page, nothing is
/// loaded from elsewhere.
/// </summary>
public static class AttentionPage
{
    private const int Widest = 760, LeastCell = 56, MostCell = 120;

    /// <summary>Writes the page.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The model.</param>
    /// <param name="input">One picture. Borrowed.</param>
    /// <param name="picture">The same as it was before preprocessing.</param>
    /// <param name="geometry">What preprocessing cut out of it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="origin">What the page says at its end about model, data and command.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="existing">Whether a file that is there may be replaced.</param>
    /// <exception cref="NotApplicableException">The tokens have no place on a picture, or attention does not run over all of them.</exception>
    public static void Write(string path, HookedModel model, ModelInput input, RgbImage picture, ImageGeometry geometry, string name, string origin = "", string part = "", ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var sites = new PatchGrid(Site.Pattern, PatchAxes.Layer) { Part = part }.Sites(model);
        var layout = model.LayoutOf(input) ?? throw new NotApplicableException($"A page of attention does not apply: the tokens of {model.Card.Name} have no place on a picture.");
        using var recording = model.Run(input, HookPlan.Empty.Keep([.. sites]).StopAfter(sites[^1]));
        var layers = new List<(int, Tensor)>();
        foreach (var site in sites)
        {
            var pattern = recording.Cache[site];
            if (layout.Frames != 1 || pattern.shape[0] != 1 || pattern.shape[2] != layout.Tokens || pattern.shape[3] != layout.Tokens)
                throw new NotApplicableException($"A page of attention does not apply: {site} is [{string.Join(", ", pattern.shape)}], needed is one picture with [1, heads, {layout.Tokens}, {layout.Tokens}].");
            layers.Add((site.Path.Layer, pattern[0]));
        }
        AtomicFile.WriteText(path, Html($"Where the heads of {model.Card.Name} look", name, layers, layout, picture, geometry, origin), existing);
    }

    /// <summary>The page of given patterns, each [H, P, P] with its block.</summary>
    public static string Html(string heading, string name, IReadOnlyList<(int Layer, Tensor Pattern)> layers, TokenLayout layout, RgbImage picture, ImageGeometry geometry, string origin = "")
    {
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(geometry);
        var text = new StringBuilder();
        Add(text, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{Escaped(heading)}</title>\n<style>\n{Style(layers.Max(layer => layer.Pattern.shape[0]))}</style></head><body>\n<h1>{Escaped(heading)}</h1>\n");
        Add(text, $"<p>Point at a patch of the picture: every small map shows where that patch looks in one head (rows are blocks, columns are heads). Click to hold it. Each map is scaled for itself, from 0 (dark) to the number under it (yellow), the largest share of attention that one patch gets there. {(layout.Prefix > 0 ? "What goes to tokens without a place (the class token, registers) is on no map; it is the second number." : "")}</p>\n");
        Add(text, $"<div class=\"page\"><div class=\"left\"><p id=\"who\"></p>{View(picture, geometry, layout)}<p class=\"soft\">{Escaped(name)}: what the model sees of it, in {layout.Rows} × {layout.Columns} patches</p><p>");
        for (var token = 0; token < layout.Prefix; token++) Add(text, $"<button data-token=\"{token}\">{(token == 0 ? "class token" : $"register {token}")}</button> ");
        Add(text, $"</p><div class=\"scale\" style=\"background:linear-gradient(90deg,{string.Join(",", Enumerable.Range(0, 9).Select(k => Hex(Colormap.Viridis[k / 8.0])))})\"></div><p class=\"soft ends\"><span>0</span><span>largest share in the map</span></p></div>\n<table><thead><tr><th></th>");
        for (var head = 0; head < layers.Max(layer => layer.Pattern.shape[0]); head++) Add(text, $"<th>H{head}</th>");
        text.Append("</tr></thead><tbody>\n");
        foreach (var (layer, pattern) in layers)
        {
            Add(text, $"<tr><th>L{layer}</th>");
            for (var head = 0; head < pattern.shape[0]; head++) Add(text, $"<td title=\"block {layer}, head {head}\"><canvas width=\"{layout.Columns}\" height=\"{layout.Rows}\"></canvas><span></span></td>");
            text.Append("</tr>\n");
        }
        Add(text, $"</tbody></table></div>\n{(origin.Length > 0 ? $"<p class=\"soft\">{Escaped(origin)}</p>" : "")}\n<script>\nconst tokens={layout.Tokens},prefix={layout.Prefix},rows={layout.Rows},columns={layout.Columns};\nconst colours=[{string.Join(",", Enumerable.Range(0, 256).Select(k => Colormap.Viridis[k / 255.0]).Select(c => $"[{c.R},{c.G},{c.B}]"))}];\nconst heads=[");
        foreach (var (_, pattern) in layers)
            for (var head = 0; head < pattern.shape[0]; head++) Packed(text, pattern[head], layout);
        return text.Append("];\n").Append(Script).Append("</script></body></html>\n").ToString();
    }

    // Shares as bytes of each row's largest over patches, and those; what goes to tokens without a place beside it.
    private static void Packed(StringBuilder text, Tensor pattern, TokenLayout layout)
    {
        using var scope = NewDisposeScope();
        var patches = pattern.narrow(1, layout.Prefix, layout.GridTokens);
        var most = patches.amax(1);
        var shares = Numbers.Of(patches / most.unsqueeze(1).clamp(min: 1e-30));
        byte[] bytes = [.. shares.Select(share => (byte)Math.Round(Math.Clamp(share, 0, 1) * 255))];
        float[] sides = [.. Numbers.Of(most), .. Numbers.Of(1 - patches.sum(1L))];
        Add(text, $"[\"{Convert.ToBase64String(bytes)}\",\"{Convert.ToBase64String(MemoryMarshal.AsBytes(sides.AsSpan()))}\"],");
    }

    private static string View(RgbImage picture, ImageGeometry geometry, TokenLayout layout)
    {
        var (left, top) = geometry.ToOriginal(0, 0);
        var (right, bottom) = geometry.ToOriginal(geometry.Width, geometry.Height);
        var svg = new StringBuilder();
        Add(svg, $"<svg id=\"view\" viewBox=\"{left:f2} {top:f2} {right - left:f2} {bottom - top:f2}\" width=\"320\" height=\"{320 * (bottom - top) / (right - left):f0}\" role=\"img\" aria-label=\"the picture\"><image width=\"{picture.Width}\" height=\"{picture.Height}\" href=\"data:image/png;base64,{Convert.ToBase64String(picture.ToPng())}\"/>");
        var (width, height) = ((right - left) / layout.Columns, (bottom - top) / layout.Rows);
        for (var row = 0; row < layout.Rows; row++)
            for (var column = 0; column < layout.Columns; column++)
                Add(svg, $"<rect x=\"{left + column * width:f2}\" y=\"{top + row * height:f2}\" width=\"{width:f2}\" height=\"{height:f2}\" data-token=\"{layout.TokenAt(0, row, column)}\"/>");
        return svg.Append("</svg>").ToString();
    }

    // Few heads leave room for larger maps.
    private static string Style(long heads) => $$"""
        :root { color-scheme: light dark; --soft: #5b6472; } @media (prefers-color-scheme: dark) { :root { --soft: #9aa4b2; } }
        body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; } p { max-width: 60rem; } .soft { color: var(--soft); font-size: .9rem; }
        .page { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; } .left { width: 320px; position: sticky; top: 1rem; }
        #view rect { fill: transparent; stroke: #fff; stroke-opacity: .25; stroke-width: .6%; vector-effect: non-scaling-stroke; cursor: crosshair; } #view rect.on { stroke: #ff8c1a; stroke-opacity: 1; stroke-width: 3px; }
        .scale { height: 10px; border-radius: 3px; } .ends { display: flex; justify-content: space-between; margin: 0; } button.on { outline: 3px solid #ff8c1a; }
        canvas { width: {{Math.Clamp(Widest / heads, LeastCell, MostCell)}}px; height: auto; image-rendering: pixelated; display: block; } td { padding: 2px 3px; } td span { font-size: .72rem; color: var(--soft); font-variant-numeric: tabular-nums; } th { font-weight: 600; font-size: .85rem; padding: 2px 6px; }
        """;

    private const string Script = """
        const unpack = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
        const data = heads.map(([shares, sides]) => ({ shares: unpack(shares), sides: new Float32Array(unpack(sides).buffer) }));
        const cells = [...document.querySelectorAll('td')], asking = [...document.querySelectorAll('[data-token]')];
        let held = false;
        function show(token) {
          for (const one of asking) one.classList.toggle('on', +one.dataset.token === token);
          const at = token - prefix;
          document.getElementById('who').textContent = token < prefix ? (token === 0 ? 'The class token looks at' : 'Register ' + token + ' looks at') : 'The patch in row ' + Math.floor(at / columns) + ', column ' + at % columns + ' looks at';
          cells.forEach((cell, k) => {
            const canvas = cell.querySelector('canvas'), context = canvas.getContext('2d'), picture = context.createImageData(columns, rows), { shares, sides } = data[k];
            for (let p = 0; p < rows * columns; p++) {
              const colour = colours[shares[token * rows * columns + p]];
              picture.data.set([colour[0], colour[1], colour[2], 255], 4 * p);
            }
            context.putImageData(picture, 0, 0);
            cell.querySelector('span').textContent = sides[token].toFixed(2) + (prefix > 0 ? ' · ' + sides[tokens + token].toFixed(2) : '');
          });
        }
        for (const one of asking) {
          one.addEventListener('mouseenter', () => { if (!held) show(+one.dataset.token); });
          one.addEventListener('click', () => { held = !held || !one.classList.contains('on'); show(+one.dataset.token); });
        }
        show(prefix > 0 ? 0 : Math.floor(rows / 2) * columns + Math.floor(columns / 2));

        """;

    private static string Hex((byte R, byte G, byte B) colour) => $"#{colour.R:x2}{colour.G:x2}{colour.B:x2}";

    private static void Add(StringBuilder text, FormattableString part) => text.Append(part.ToString(CultureInfo.InvariantCulture));

    private static string Escaped(string text) => WebUtility.HtmlEncode(text);
}
