namespace Prisma.Core;

/// <summary>One picture of a sheet.</summary>
/// <param name="Caption">Text above it; may be empty.</param>
/// <param name="Picture">The original picture; null: the colours alone.</param>
/// <param name="Map">What lies over it; null: the plain picture.</param>
/// <param name="Frame">Time step of the heatmap's grid.</param>
public sealed record HeatmapTile(string Caption, RgbImage? Picture, Heatmap? Map, int Frame = 0);
