namespace Prisma.Circuits;

/// <summary>How wide a browser draws a text, about: drawings must be wide enough for their titles and legends, whatever the font.</summary>
internal static class TextWidth
{
    /// <summary>Pixels of a text in a font of so many pixels; a little more than common sans-serif fonts take.</summary>
    internal static int Of(string text, double size) => (int)Math.Ceiling(text.Length * size * 0.56);
}
