namespace Prisma.Core;

/// <summary>How far a download is.</summary>
/// <param name="File">The file that has just gone on.</param>
/// <param name="FilesDone">Files that are there.</param>
/// <param name="Files">Files that were asked for.</param>
/// <param name="Bytes">Bytes that are there, of all files.</param>
/// <param name="TotalBytes">Bytes of all files.</param>
/// <param name="BytesPerSecond">The speed of this run; 0 before anything arrived.</param>
/// <param name="Remaining">The time that the rest takes at this speed; null where nothing is known of it.</param>
/// <param name="Waits">Whether another process holds the file and is waited for.</param>
public sealed record HubProgress(string File, int FilesDone, int Files, long Bytes, long TotalBytes, double BytesPerSecond, TimeSpan? Remaining, bool Waits = false);
