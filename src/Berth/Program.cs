Console.WriteLine("berth");
